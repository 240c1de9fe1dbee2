import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { FaultProxy } from '../../../test/cluster/fault-proxy.ts';
import { SERVICE_RULES, TestCluster } from '../../../test/cluster/test-cluster.ts';
import { describeJobStore } from '../../../test/job-store-contract.ts';
import { jsonPlanCodec } from '../../../test/json-plan-codec.ts';
import { makeDraft, makePayload, TEST_BACKEND } from '../../../test/make-draft.ts';
import { systemClock } from '../../clock.ts';
import type { JobRecord } from '../../jobs/job.ts';
import type { ApiClient, ApiRequest } from '../../kubernetes/api-client.ts';
import { createApiClient } from '../../kubernetes/http-client.ts';
import { SecretJobStore } from './secret-job-store.ts';

/** Everything that the API server answered, as text. */
class Recording implements ApiClient {
  readonly #client: ApiClient;
  readonly calls: string[] = [];
  readonly answers: string[] = [];

  constructor(client: ApiClient) {
    this.#client = client;
  }

  endpoint() {
    return this.#client.endpoint();
  }

  async call<T>(request: ApiRequest): Promise<T> {
    this.calls.push(request.method);
    const answer = await this.#client.call<T>(request);
    this.answers.push(JSON.stringify(answer));
    return answer;
  }

  watch<T>(request: ApiRequest) {
    return this.#client.watch<T>(request);
  }

  stream(request: ApiRequest) {
    return this.#client.stream(request);
  }

  close() {
    return this.#client.close();
  }

  /** The calls that `work` makes. */
  async during(work: () => Promise<unknown>): Promise<string[]> {
    this.calls.length = 0;
    await work();
    return [...this.calls];
  }
}

let cluster: TestCluster;
let account: string;
let secretsPath: string;
const opened: (() => Promise<void>)[] = [];

beforeAll(async () => {
  cluster = await TestCluster.create(inject('kubeconfigPath'));
  account = await cluster.createAccount();
  secretsPath = `/api/v1/namespaces/${cluster.namespace}/secrets`;
});
afterAll(async () => {
  await Promise.all(opened.map((close) => close()));
  await cluster.close();
});

async function openStore(kubeconfigPath: string, backend = TEST_BACKEND) {
  const logged: string[] = [];
  const client = new Recording(await createApiClient({ kubeconfigPath }));
  const logger = pino({ level: 'warn' }, { write: (line: string) => logged.push(line) });
  const { namespace } = cluster;
  const store = new SecretJobStore({
    ...{ client, clock: systemClock, random: Math.random, logger, backend, namespace },
    planCodec: jsonPlanCodec,
  });
  await store.open();
  const close = async () => {
    await store.close();
    await client.close();
  };
  opened.push(close);
  return { store, client, logged, close };
}

async function create(store: SecretJobStore, payload = makePayload()): Promise<JobRecord> {
  const created = await store.create(makeDraft(randomUUID()), payload);
  if (created.outcome !== 'created') throw new Error(created.outcome);
  return created.record;
}

describeJobStore('SecretJobStore', async () => {
  const [one, two] = await Promise.all([openStore(account), openStore(account)]);
  const close = async () => {
    await Promise.all([one.close(), two.close()]);
  };
  return { store: one.store, replica: two.store, close };
});

describe('SecretJobStore on the real API server', () => {
  it('makes as few calls as it can, and none of them brings a credential', async () => {
    const one = await openStore(account);
    const two = await openStore(account);
    let record = await create(one.store);
    const during = async (work: () => Promise<unknown>) =>
      (await one.client.during(work)).join(' ');
    expect(await during(() => create(one.store))).toBe('POST');
    expect(await during(() => one.store.get(record.name))).toBe('');
    expect(await during(() => one.store.readPlan(record))).toBe('');
    expect(await during(() => one.store.getLive(record.name))).toBe('GET');
    expect(await during(() => one.store.get('meta-unknown'))).toBe('GET');
    const many = () => Promise.all(Array.from({ length: 50 }, () => one.store.get('meta-unknown')));
    expect(await during(many)).toBe('GET GET');
    const update = async () => {
      record = (await one.store.update(record, { runId: 'run' })) ?? record;
    };
    expect(await during(update)).toBe('PATCH');
    expect([...one.client.answers, ...two.client.answers].join()).not.toMatch(/"data"/);
    expect(await two.client.during(() => two.store.readPlan(record))).toEqual(['GET']);
    expect(await two.client.during(() => two.store.readPlan(record))).toEqual([]);
    const forget = async () => {
      record = (await one.store.purgeCredentials(record)) ?? record;
    };
    expect(await during(forget)).toBe('GET PATCH');
    expect(await during(() => one.store.delete(record))).toBe('DELETE');
  });

  it('writes an object that people can read, of a type and with labels of ours', async () => {
    const { store } = await openStore(account);
    const { name, id } = await create(store);
    const secret = await cluster.admin.call<{ type: string; metadata: object; data: object }>({
      method: 'GET',
      path: `${secretsPath}/${name}`,
    });
    expect(secret).toMatchObject({
      type: 'trainer.deepfinery/job',
      metadata: {
        labels: { 'trainer.deepfinery/backend': 'meta' },
        annotations: { 'trainer.deepfinery/job-id': id },
      },
      data: { HF_TOKEN: Buffer.from('hf_secret').toString('base64') },
    });
    expect(JSON.stringify(secret.metadata)).not.toMatch(/hf_secret|aws_secret|hook-secret|key=1/);
  });

  it('finds everything again after a restart, and nothing of other backends', async () => {
    const before = await openStore(account);
    const record = await create(before.store);
    await before.close();
    const [after, other] = await Promise.all([openStore(account), openStore(account, 'nemo')]);
    expect(after.store.getCached(record.name)).toStrictEqual(record);
    expect(await after.store.readPayload(record)).toStrictEqual(makePayload());
    expect(other.store.count()).toBe(0);
    expect(await other.store.getLive(record.name)).toBeUndefined();
  });

  it('calls a name taken that is held by a stranger or by a record on its way out', async () => {
    const { store } = await openStore(account);
    const draft = makeDraft(randomUUID());
    const metadata = { name: draft.name };
    await cluster.admin.call({ method: 'POST', path: secretsPath, body: { metadata } });
    expect(await store.create(draft, makePayload())).toMatchObject({ outcome: 'taken' });
    expect(await store.get(draft.name)).toBeUndefined();

    const record = await create(store);
    const path = `${secretsPath}/${record.name}`;
    const hold = (finalizers: string[]) => {
      const contentType = 'application/merge-patch+json';
      const body = { metadata: { finalizers } };
      return cluster.admin.call({ method: 'PATCH', path, contentType, body });
    };
    await hold(['trainer.deepfinery/test']);
    const held = await store.getLive(record.name);
    expect(held && (await store.delete(held))).toBe(true);
    expect(store.getCached(record.name)).toBeUndefined();
    expect(await store.get(record.name)).toBeUndefined();
    const again = await store.create(makeDraft(record.id), makePayload());
    expect(again).toMatchObject({
      outcome: 'taken',
      detail: expect.stringMatching(/being deleted/),
    });
    await hold([]);
    expect(await store.create(makeDraft(record.id), makePayload())).toMatchObject({
      outcome: 'created',
    });
  });

  it('says that the cluster is unavailable rather than that a job is unknown', async () => {
    const proxy = await FaultProxy.open(cluster.server);
    const changes = { server: proxy.url, 'insecure-skip-tls-verify': true };
    const { store } = await openStore(await cluster.createAccount(SERVICE_RULES, changes));
    const record = await create(store);
    for (const fault of ['reset', 500] as const) {
      proxy.fault = () => fault;
      const unavailable = { code: 'CLUSTER_UNAVAILABLE', status: 503, retryAfterSeconds: 5 };
      await expect(store.get('meta-unknown')).rejects.toMatchObject(unavailable);
      await expect(store.getLive(record.name)).rejects.toMatchObject(unavailable);
      await expect(create(store)).rejects.toMatchObject(unavailable);
      await expect(store.update(record, { runId: 'x' })).rejects.toMatchObject(unavailable);
      await expect(store.delete(record)).rejects.toMatchObject(unavailable);
      expect(await store.get(record.name)).toStrictEqual(record);
    }
    proxy.fault = () => undefined;
    expect(await store.getLive(record.name)).toStrictEqual(record);
    await proxy.close();
  });

  it('tells the missing verb to the log and not to the caller', async () => {
    const rules = [{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list', 'watch'] }];
    const { store, logged } = await openStore(await cluster.createAccount(rules));
    const refusal = await create(store).catch((error: Error) => error);
    expect(refusal).toMatchObject({ code: 'CLUSTER_UNAVAILABLE', status: 503 });
    expect((refusal as Error).message).not.toMatch(/secrets|create|account|namespace/);
    expect(logged.join()).toMatch(/cannot create resource \\"secrets\\"/);
    expect(logged.join()).not.toMatch(/hf_secret|aws_secret|hook-secret/);
  });

  it('is not ready while it may not watch, and says so', async () => {
    const { store, logged } = await openStore(await cluster.createAccount([]));
    expect(store.notReadyReason()).toBe('The jobs have not been read from the cluster yet.');
    expect(logged.join()).toMatch(/cannot list resource \\"secrets\\"/);
  });

  it('refuses what is larger than a Secret can be', async () => {
    const { store } = await openStore(account);
    const payload = makePayload({
      asked: { first: { text: 'x'.repeat(1.2 * 1024 * 1024) }, second: {} },
    });
    await expect(create(store, payload)).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
  });
});
