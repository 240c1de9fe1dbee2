import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fleet, type FleetOptions } from '@trainer/chaos/fleet';
import type { TrainingResponse } from '@trainer/common';
import {
  guideExample,
  type Received,
  startWebhookReceiver,
  type WebhookReceiver,
} from '@trainer/common/testing';
import {
  FaultProxy,
  follow,
  type Named,
  SERVICE_RULES,
  TestCluster,
  type Until,
} from '@trainer/common/testing/cluster';
import { Inbox } from './inbox.ts';

export interface ServiceFixtureOptions {
  readonly kubeconfigPath: string;
  readonly backend: FleetOptions['backend'];
  readonly replicas?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Whose the replicas come in, and where their jobs are; else accounts with copies of their rights. */
  readonly account?: {
    readonly cluster: TestCluster;
    readonly kubeconfigPath: string;
    close(): Promise<void>;
  };
  /** Between the replicas and the API server. */
  readonly isBehindProxy?: boolean;
}

type Json = Record<string, unknown>;

export const TRAINER_API = '/apis/trainer.kubeflow.org/v1alpha1';
export const JOBSET_API = '/apis/jobset.x-k8s.io/v1alpha2';
const MERGE_PATCH = 'application/merge-patch+json';

/** An object of the cluster, as far as tests look at it. */
export interface KubeObject extends Named {
  readonly metadata: Named['metadata'] & {
    readonly uid: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly labels?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly uid: string }[];
  };
  /** Of a Secret: base64 by key. */
  readonly data?: Readonly<Record<string, string>>;
}

export interface Answer<T = TrainingResponse> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

/** Replicas of one service as processes on a real cluster, and a webhook that hears of its jobs. */
export class ServiceFixture {
  readonly cluster: TestCluster;
  readonly receiver: WebhookReceiver;
  readonly fleet: Fleet;
  readonly #proxy: FaultProxy | undefined;
  readonly #inbox = new Inbox<Received>();
  readonly #logDir: string;
  readonly #account: ServiceFixtureOptions['account'];

  private constructor(
    cluster: TestCluster,
    receiver: WebhookReceiver,
    fleet: Fleet,
    logDir: string,
    proxy: FaultProxy | undefined,
    account: ServiceFixtureOptions['account'],
  ) {
    this.#account = account;
    this.cluster = cluster;
    this.receiver = receiver;
    this.fleet = fleet;
    this.#logDir = logDir;
    this.#proxy = proxy;
    receiver.respondWith((received) => {
      const { job_id, status, reason } = received.json;
      this.#inbox.put(`${job_id} ${status}`, received);
      this.#inbox.put(`${job_id} ${reason}`, received);
      return 200;
    });
  }

  static async start(options: ServiceFixtureOptions): Promise<ServiceFixture> {
    const { kubeconfigPath, backend, replicas = 1, env, isBehindProxy = false } = options;
    const { account } = options;
    const cluster = account?.cluster ?? (await TestCluster.create(kubeconfigPath));
    const proxy = isBehindProxy ? await FaultProxy.open(cluster.server) : undefined;
    const door = proxy && { server: proxy.url, 'insecure-skip-tls-verify': true };
    const accounts = Array.from({ length: replicas }, () =>
      account ? account.kubeconfigPath : cluster.createAccount(SERVICE_RULES, door),
    );
    const logDir = await mkdtemp(join(tmpdir(), `${backend}-`));
    const fleet = new Fleet({
      backend,
      logDir,
      kubeconfigs: await Promise.all(accounts),
      env: {
        PORT: '0',
        TRAINER_JOB_RUNNER: 'kubernetes',
        TRAINER_JOBS_NAMESPACE: cluster.namespace,
        TRAINER_RATE_LIMIT_PER_MINUTE: '0',
        ...env,
      },
    });
    const receiver = await startWebhookReceiver();
    const fixture = new ServiceFixture(cluster, receiver, fleet, logDir, proxy, account);
    await fleet.fill();
    await Promise.all(fleet.urls.map(untilReady));
    return fixture;
  }

  get proxy(): FaultProxy {
    if (this.#proxy === undefined) throw new Error('this service is not behind a proxy');
    return this.#proxy;
  }

  /** The guide's example under a new id, with our webhook; `changes` are merged into its sections. */
  async request(changes: Record<string, Json> = {}): Promise<Json & { job_id: string }> {
    const guide = guideExample as unknown as Record<string, Json>;
    const sections = Object.entries(changes).map(([key, change]) => [
      key,
      { ...guide[key], ...change },
    ]);
    return {
      ...guide,
      callbacks: { webhook_url: this.receiver.url, auth_header: 'Bearer mytoken' },
      ...Object.fromEntries(sections),
      job_id: randomUUID(),
    };
  }

  submit(body: Json, replica = 0): Promise<Answer> {
    return this.#call('POST', '/train', replica, body);
  }

  /** What would become of a request. */
  plan<T>(body: Json, replica = 0): Promise<Answer<T>> {
    return this.#call('POST', '/plans', replica, body);
  }

  get<T = TrainingResponse>(id: string, replica = 0): Promise<Answer<T>> {
    return this.#call('GET', `/train/${id}`, replica);
  }

  /** What a job was asked for. */
  askedFor(id: string, replica = 0): Promise<Answer<Json>> {
    return this.#call('GET', `/train/${id}/request`, replica);
  }

  cancel(id: string, replica = 0, { save = false } = {}): Promise<Answer> {
    return this.#call('POST', `/train/${id}/cancel${save ? '?save=true' : ''}`, replica, {});
  }

  /** Changes where callbacks go, by a merge patch; the answer is what holds then, or a problem. */
  changeCallbacks(id: string, patch: Json, replica = 0): Promise<Answer<Json>> {
    return this.#call('PATCH', `/train/${id}/callbacks`, replica, patch);
  }

  /** Forgets a job; the body is a problem, or empty. */
  forget(id: string, replica = 0, { force = false } = {}): Promise<Answer<Json>> {
    return this.#call('DELETE', `/train/${id}${force ? '?force=true' : ''}`, replica);
  }

  /** The oldest callback that tells of the status and that no earlier call returned. */
  told(id: string, status: string): Promise<Received> {
    return this.#inbox.take(`${id} ${status}`);
  }

  /** The same for a reason. */
  toldWhy(id: string, reason: string): Promise<Received> {
    return this.#inbox.take(`${id} ${reason}`);
  }

  /** Where the cluster has a kind of object of the jobs' namespace, or one of them. */
  path(apiPath: string, resource: string, name?: string): string {
    const collection = `${apiPath}/namespaces/${this.cluster.namespace}/${resource}`;
    return name === undefined ? collection : `${collection}/${name}`;
  }

  read(apiPath: string, resource: string, name: string): Promise<KubeObject> {
    const path = this.path(apiPath, resource, name);
    return this.cluster.admin.call({ method: 'GET', path });
  }

  /** Deletes, as somebody else does; whether it is held by finalizers and so not gone yet. */
  async remove(apiPath: string, resource: string, name: string): Promise<boolean> {
    const path = this.path(apiPath, resource, name);
    const answer = await this.cluster.admin.call<{ metadata: { finalizers?: string[] } }>({
      ...{ method: 'DELETE', path },
    });
    return answer.metadata.finalizers !== undefined;
  }

  /** Holds an object by finalizers, or lets it go. */
  async setFinalizers(
    apiPath: string,
    resource: string,
    name: string,
    finalizers: readonly string[],
  ): Promise<void> {
    const body = { metadata: { finalizers } };
    const path = this.path(apiPath, resource, name);
    await this.cluster.admin.call({ method: 'PATCH', path, contentType: MERGE_PATCH, body });
  }

  follow(apiPath: string, resource: string, labelSelector?: string): Promise<Until<KubeObject>> {
    const path = this.path(apiPath, resource);
    return follow(this.cluster.admin, { path, query: { labelSelector } });
  }

  async list(apiPath: string, resource: string): Promise<readonly string[]> {
    const until = await this.follow(apiPath, resource);
    return [...(await until(() => true)).keys()];
  }

  /** Resolves once a job has no TrainJob, nothing that Trainer made of it, and so no pods. */
  async untilNothingRuns(name: string): Promise<void> {
    const untilGone = async (apiPath: string, resource: string) => {
      const until = await this.follow(apiPath, resource);
      await until((items) => !items.has(name));
    };
    await untilGone(TRAINER_API, 'trainjobs');
    await untilGone(JOBSET_API, 'jobsets');
    const ofJob = `jobset.sigs.k8s.io/jobset-name=${name}`;
    const until = await this.follow('/api/v1', 'pods', ofJob);
    await until((pods) => pods.size === 0);
  }

  async close(): Promise<void> {
    await this.fleet.close();
    await this.#proxy?.close();
    await this.receiver.close();
    await this.#account?.close();
    await this.cluster.close();
    await rm(this.#logDir, { recursive: true, force: true });
  }

  async #call<T>(method: string, path: string, replica: number, body?: Json): Promise<Answer<T>> {
    const response = await fetch(`${this.fleet.urls[replica]}${path}`, {
      method,
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    });
    const { status, headers } = response;
    const text = await response.text();
    return { status, headers, body: (text === '' ? {} : JSON.parse(text)) as T };
  }
}

async function untilReady(url: string): Promise<void> {
  while (!(await fetch(`${url}/readyz`)).ok);
}
