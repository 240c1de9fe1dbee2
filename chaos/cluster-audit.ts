import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiClient, ApiError } from '@trainer/common/testing/cluster';
import { credentialKeys, type SecretData } from '@trainer/common/testing/internals';
import { followCollection } from './follow-collection.ts';
import { RecordAudit, type SeenRecord } from './record-audit.ts';

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

const CORE_API = '/api/v1';
export const TRAINER_API = '/apis/trainer.kubeflow.org/v1alpha1';
const JOBSET_NAME = 'jobset.sigs.k8s.io/jobset-name';
const JOBSET_UID = 'jobset.sigs.k8s.io/jobset-uid';
const LEASE_API = '/apis/coordination.k8s.io/v1';
/** A machine where so much dies and starts may leave the API server waiting for its disk. */
const PATIENCE_MS = 60_000;
/** How long a run may take to vanish that somebody started while its job was forgotten. */
const VANISHING_MS = 15_000;

/** Watches the cluster from outside, through an administrator's eyes, for the whole of a run. */
export class ClusterAudit {
  readonly #client: ApiClient;
  readonly #namespace: string;
  readonly #abort = new AbortController();
  readonly #watches: Promise<void>[];
  /** uids of TrainJobs by the uid of the record that owns them. */
  readonly #trainJobs = new Map<string, Set<string>>();
  readonly #names = new Map<string, string>();
  /** When the first TrainJob of a record was deleted that had not ended, UNIX milliseconds. */
  readonly #stoppedAtMs = new Map<string, number>();
  readonly records: RecordAudit;
  /** uids of pods that run, by the JobSet they belong to, by TrainJob name. */
  readonly #alive = new Map<string, Map<string, Set<string>>>();
  readonly #overlaps = new Set<string>();
  readonly #bare = new Set<string>();
  readonly #looks = new Set<Promise<void>>();
  readonly #takeoversMs: number[] = [];
  #leader: string | undefined;

  constructor(client: ApiClient, namespace: string, backend: string) {
    this.#client = client;
    this.#namespace = namespace;
    this.records = new RecordAudit(backend);
    this.#watches = [
      this.#follow<SeenRecord & Seen>(CORE_API, 'secrets', (seen) => this.records.note(seen)),
      this.#follow(TRAINER_API, 'trainjobs', (seen, isGone) => this.#noteTrainJob(seen, isGone)),
      this.#follow(CORE_API, 'pods', (seen, isGone) => this.#notePod(seen, isGone)),
      this.#follow(LEASE_API, 'leases', ({ spec }) => {
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

  /** Names of jobs whose run was stopped while it had the time to save a checkpoint. */
  stoppedWhileSaving(): readonly string[] {
    return [...this.#stoppedAtMs].flatMap(([owner, atMs]) => {
      const record = this.records.get(owner);
      return record?.stopAtMs !== undefined && atMs < record.stopAtMs ? record.name : [];
    });
  }

  /** What is left of a job that was forgotten; its run has a moment to vanish. */
  async listLeft(name: string): Promise<readonly string[]> {
    const secret = await this.#read(CORE_API, 'secrets', name);
    const leases = await this.list(LEASE_API, 'leases');
    const untilMs = Date.now() + VANISHING_MS;
    let isThere = true;
    while (isThere && Date.now() < untilMs) {
      const trainJob = await this.#read(TRAINER_API, 'trainjobs', name);
      isThere = trainJob !== undefined && trainJob.metadata.deletionTimestamp === undefined;
      if (isThere) await sleep(200);
    }
    return [
      ...(secret === undefined ? [] : ['its record']),
      ...(isThere ? ['its TrainJob'] : []),
      ...(JSON.stringify(leases).includes(name) ? ['a Lease that names it'] : []),
    ];
  }

  /** What the training of a job reports with; undefined once that is gone. */
  async readReportToken(name: string): Promise<string | undefined> {
    const token = (await this.#read(CORE_API, 'secrets', name))?.data?.TRAINER_REPORTS_TOKEN;
    return token && Buffer.from(token, 'base64').toString();
  }

  async list(apiPath: string, resource: string): Promise<readonly Seen[]> {
    const path = `${apiPath}/namespaces/${this.#namespace}/${resource}`;
    const { items } = await this.#call<{ items: Seen[] | null }>('GET', path);
    return items ?? [];
  }

  async deleteTrainJob(name: string): Promise<void> {
    const path = this.#pathOf(TRAINER_API, 'trainjobs', name);
    await this.#call('DELETE', path).catch(() => {});
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await Promise.all([...this.#watches, ...this.#looks]);
  }

  #noteTrainJob(seen: Seen, isGone: boolean): void {
    const { uid, name, ownerReferences, deletionTimestamp } = seen.metadata;
    const owner = ownerReferences?.[0]?.uid ?? '';
    this.#trainJobs.set(owner, (this.#trainJobs.get(owner) ?? new Set()).add(uid));
    this.#names.set(owner, name);
    const isStopped = (isGone || deletionTimestamp !== undefined) && !isOver(seen);
    if (isStopped && !this.#stoppedAtMs.has(owner)) this.#stoppedAtMs.set(owner, Date.now());
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
    const secret = await this.#read(CORE_API, 'secrets', name);
    if (secret !== undefined && credentialKeys(secret.data ?? {}).length > 0) return;
    const trainJob = await this.#read(TRAINER_API, 'trainjobs', name);
    if (trainJob === undefined || trainJob.metadata.deletionTimestamp !== undefined) return;
    if (!isOver(trainJob)) this.#bare.add(name);
  }

  async #read(apiPath: string, resource: string, name: string): Promise<Seen | undefined> {
    const path = this.#pathOf(apiPath, resource, name);
    try {
      return await this.#call<Seen>('GET', path);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  #call<T>(method: 'GET' | 'DELETE', path: string): Promise<T> {
    return this.#client.call<T>({ method, path, timeoutMs: PATIENCE_MS });
  }

  #pathOf(apiPath: string, resource: string, name: string): string {
    return `${apiPath}/namespaces/${this.#namespace}/${resource}/${name}`;
  }

  #follow<T extends Seen>(
    apiPath: string,
    resource: string,
    note: (seen: T, isGone: boolean) => void,
  ): Promise<void> {
    const path = `${apiPath}/namespaces/${this.#namespace}/${resource}`;
    return followCollection(this.#client, path, note, this.#abort.signal);
  }
}

function isOver({ status }: Seen): boolean {
  return (status?.conditions ?? []).some(
    (condition) =>
      (condition.type === 'Complete' || condition.type === 'Failed') && condition.status === 'True',
  );
}
