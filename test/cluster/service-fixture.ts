import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fleet, type FleetOptions } from '../../chaos/fleet.ts';
import type { TrainingResponse } from '../../packages/common/src/index.ts';
import { TestCluster } from '../../packages/common/test/cluster/test-cluster.ts';
import {
  type Received,
  startWebhookReceiver,
  type WebhookReceiver,
} from '../../packages/common/test/webhook-receiver.ts';
import { Inbox } from './inbox.ts';

export interface ServiceFixtureOptions {
  readonly kubeconfigPath: string;
  readonly backend: FleetOptions['backend'];
  readonly replicas?: number;
  readonly env?: Readonly<Record<string, string>>;
}

type Json = Record<string, unknown>;

export interface Answer<T = TrainingResponse> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

const GUIDE = new URL('../../packages/common/test/guide-example.json', import.meta.url);

/** Replicas of one service as processes on a real cluster, and a webhook that hears of its jobs. */
export class ServiceFixture {
  readonly cluster: TestCluster;
  readonly receiver: WebhookReceiver;
  readonly fleet: Fleet;
  readonly #inbox = new Inbox<Received>();
  readonly #logDir: string;

  private constructor(
    cluster: TestCluster,
    receiver: WebhookReceiver,
    fleet: Fleet,
    logDir: string,
  ) {
    this.cluster = cluster;
    this.receiver = receiver;
    this.fleet = fleet;
    this.#logDir = logDir;
    receiver.respondWith((received) => {
      const { job_id, status, reason } = received.json;
      this.#inbox.put(`${job_id} ${status}`, received);
      this.#inbox.put(`${job_id} ${reason}`, received);
      return 200;
    });
  }

  static async start(options: ServiceFixtureOptions): Promise<ServiceFixture> {
    const { kubeconfigPath, backend, replicas = 1, env } = options;
    const cluster = await TestCluster.create(kubeconfigPath);
    const accounts = Array.from({ length: replicas }, () => cluster.createAccount());
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
    const fixture = new ServiceFixture(cluster, await startWebhookReceiver(), fleet, logDir);
    await fleet.fill();
    await Promise.all(fleet.urls.map(untilReady));
    return fixture;
  }

  /** The guide's example under a new id, with our webhook; `changes` are merged into its sections. */
  async request(changes: Record<string, Json> = {}): Promise<Json & { job_id: string }> {
    const guide = JSON.parse(await readFile(GUIDE, 'utf8')) as Record<string, Json>;
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
    return this.#call('/train', replica, body);
  }

  get<T = TrainingResponse>(id: string, replica = 0): Promise<Answer<T>> {
    return this.#call(`/train/${id}`, replica);
  }

  cancel(id: string, replica = 0): Promise<Answer> {
    return this.#call(`/train/${id}/cancel`, replica, {});
  }

  /** The oldest callback that tells of the status and that no earlier call returned. */
  told(id: string, status: string): Promise<Received> {
    return this.#inbox.take(`${id} ${status}`);
  }

  /** The same for a reason. */
  toldWhy(id: string, reason: string): Promise<Received> {
    return this.#inbox.take(`${id} ${reason}`);
  }

  async list(apiPath: string, resource: string): Promise<readonly string[]> {
    const path = `${apiPath}/namespaces/${this.cluster.namespace}/${resource}`;
    const { items } = await this.cluster.admin.call<{
      items: { metadata: { name: string } }[] | null;
    }>({ method: 'GET', path });
    return (items ?? []).map(({ metadata }) => metadata.name);
  }

  async close(): Promise<void> {
    await this.fleet.close();
    await this.receiver.close();
    await this.cluster.close();
    await rm(this.#logDir, { recursive: true, force: true });
  }

  async #call<T>(path: string, replica: number, body?: Json): Promise<Answer<T>> {
    const response = await fetch(`${this.fleet.urls[replica]}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    });
    const { status, headers } = response;
    return { status, headers, body: (await response.json()) as T };
  }
}

async function untilReady(url: string): Promise<void> {
  while (!(await fetch(`${url}/readyz`)).ok);
}
