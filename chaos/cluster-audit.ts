import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiClient, ApiError } from '@trainer/common/testing/cluster';
import { credentialKeys, type SecretData } from '@trainer/common/testing/internals';

interface Seen {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly uid: string }[];
    readonly deletionTimestamp?: string;
  };
  readonly data?: SecretData;
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
  readonly spec?: { readonly holderIdentity?: string };
}

export const TRAINER_API = '/apis/trainer.kubeflow.org/v1alpha1';
const JOBSET_NAME = 'jobset.sigs.k8s.io/jobset-name';
const JOBSET_UID = 'jobset.sigs.k8s.io/jobset-uid';

/** Watches the cluster from outside, through an administrator's eyes, for the whole of a run. */
export class ClusterAudit {
  readonly #client: ApiClient;
  readonly #namespace: string;
  readonly #abort = new AbortController();
  readonly #watches: Promise<void>[];
  /** uids of TrainJobs by the uid of the record that owns them. */
  readonly #trainJobs = new Map<string, Set<string>>();
  readonly #names = new Map<string, string>();
  /** uids of pods that run, by the JobSet they belong to, by TrainJob name. */
  readonly #alive = new Map<string, Map<string, Set<string>>>();
  readonly #overlaps = new Set<string>();
  readonly #bare = new Set<string>();
  readonly #looks = new Set<Promise<void>>();
  readonly #takeoversMs: number[] = [];
  #leader: string | undefined;

  constructor(client: ApiClient, namespace: string) {
    this.#client = client;
    this.#namespace = namespace;
    this.#watches = [
      this.#follow(TRAINER_API, 'trainjobs', (seen) => {
        const owner = seen.metadata.ownerReferences?.[0]?.uid ?? '';
        this.#trainJobs.set(
          owner,
          (this.#trainJobs.get(owner) ?? new Set()).add(seen.metadata.uid),
        );
        this.#names.set(owner, seen.metadata.name);
      }),
      this.#follow('/api/v1', 'pods', (seen, isGone) => this.#notePod(seen, isGone)),
      this.#follow('/apis/coordination.k8s.io/v1', 'leases', ({ spec }) => {
        if (!spec?.holderIdentity || spec.holderIdentity === this.#leader) return;
        this.#leader = spec.holderIdentity;
        this.#takeoversMs.push(Date.now());
      }),
    ];
  }

  /** Names of TrainJobs of which one record has had several. */
  createdTwice(): string[] {
    return [...this.#trainJobs]
      .filter(([, uids]) => uids.size > 1)
      .map(([owner]) => this.#names.get(owner) ?? owner);
  }

  /** Names of jobs of which two runs had pods running at the same time. */
  aliveTwice(): readonly string[] {
    return [...this.#overlaps];
  }

  /** Names of jobs that ran although their record or its credentials were gone. */
  ranWithoutCredentials(): readonly string[] {
    return [...this.#bare];
  }

  /** When another replica became the leader, UNIX milliseconds. */
  takeoversMs(): readonly number[] {
    return this.#takeoversMs;
  }

  async list(apiPath: string, resource: string): Promise<readonly Seen[]> {
    const path = `${apiPath}/namespaces/${this.#namespace}/${resource}`;
    const { items } = await this.#client.call<{ items: Seen[] | null }>({ method: 'GET', path });
    return items ?? [];
  }

  async deleteTrainJob(name: string): Promise<void> {
    const path = this.#pathOf(TRAINER_API, 'trainjobs', name);
    await this.#client.call({ method: 'DELETE', path }).catch(() => {});
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await Promise.all([...this.#watches, ...this.#looks]);
  }

  #notePod({ metadata, status }: Seen, isGone: boolean): void {
    const name = metadata.labels?.[JOBSET_NAME];
    const run = metadata.labels?.[JOBSET_UID];
    if (name === undefined || run === undefined) return;
    const runs = this.#alive.get(name) ?? new Map<string, Set<string>>();
    this.#alive.set(name, runs);
    const pods = runs.get(run) ?? new Set();
    const isRunning = !isGone && status?.phase === 'Running' && !metadata.deletionTimestamp;
    if (isRunning && !pods.has(metadata.uid)) {
      const look = this.#lookForCredentials(name).finally(() => this.#looks.delete(look));
      this.#looks.add(look);
    }
    if (isRunning) pods.add(metadata.uid);
    else pods.delete(metadata.uid);
    runs.set(run, pods);
    if ([...runs.values()].filter(({ size }) => size > 0).length > 1) this.#overlaps.add(name);
  }

  /** The record is read first: what it lacks then it must not lack while its TrainJob goes on. */
  async #lookForCredentials(name: string): Promise<void> {
    const secret = await this.#read('/api/v1', 'secrets', name);
    if (secret !== undefined && credentialKeys(secret.data ?? {}).length > 0) return;
    const trainJob = await this.#read(TRAINER_API, 'trainjobs', name);
    if (trainJob === undefined || trainJob.metadata.deletionTimestamp !== undefined) return;
    const isOver = trainJob.status?.conditions?.some(
      ({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True',
    );
    if (!isOver) this.#bare.add(name);
  }

  async #read(apiPath: string, resource: string, name: string): Promise<Seen | undefined> {
    const path = this.#pathOf(apiPath, resource, name);
    try {
      return await this.#client.call<Seen>({ method: 'GET', path });
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  #pathOf(apiPath: string, resource: string, name: string): string {
    return `${apiPath}/namespaces/${this.#namespace}/${resource}/${name}`;
  }

  async #follow(
    apiPath: string,
    resource: string,
    note: (seen: Seen, isGone: boolean) => void,
  ): Promise<void> {
    const { signal } = this.#abort;
    const path = `${apiPath}/namespaces/${this.#namespace}/${resource}`;
    let resourceVersion: string | undefined;
    while (!signal.aborted) {
      try {
        const query = { resourceVersion, allowWatchBookmarks: true };
        const watch = await this.#client.watch<Seen>({ method: 'GET', path, query, signal });
        for await (const { type, object } of watch) {
          resourceVersion = object.metadata.resourceVersion;
          if (type !== 'BOOKMARK') note(object, type === 'DELETED');
        }
      } catch {
        resourceVersion = undefined;
        await sleep(200, undefined, { signal }).catch(() => {});
      }
    }
  }
}
