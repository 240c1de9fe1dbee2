import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../test/eventually.ts';
import { FakeApiServer } from '../../../test/fake-api/fake-api-server.ts';
import { describeJobStore } from '../../../test/job-store-contract.ts';
import { jsonPlanCodec } from '../../../test/json-plan-codec.ts';
import { makeDraft, makePayload, TEST_BACKEND } from '../../../test/make-draft.ts';
import { systemClock } from '../../clock.ts';
import type { JobRecord } from '../../jobs/job.ts';
import { ApiError } from '../../kubernetes/api-client.ts';
import { SecretJobStore } from './secret-job-store.ts';

const SECRETS = '/api/v1/namespaces/jobs/secrets';

let server: FakeApiServer;
let store: SecretJobStore;
let logged: string[];
let opened: SecretJobStore[];

async function openStore(backend = TEST_BACKEND): Promise<SecretJobStore> {
  const logger = pino({ level: 'warn' }, { write: (line: string) => logged.push(line) });
  const parts = {
    client: server.connect(),
    clock: systemClock,
    random: () => 0.5,
    logger,
    namespace: 'jobs',
  };
  const store = new SecretJobStore({ ...parts, backend, planCodec: jsonPlanCodec });
  opened.push(store);
  await store.open();
  return store;
}

async function create(payload = makePayload()): Promise<JobRecord> {
  const created = await store.create(makeDraft(randomUUID()), payload);
  if (created.outcome !== 'created') throw new Error(created.outcome);
  return created.record;
}

/** The methods of the calls that `work` makes. */
async function callsOf(work: () => Promise<unknown>): Promise<string> {
  server.requests.length = 0;
  await work();
  return server.requests.map(({ method }) => method).join(' ');
}

beforeEach(async () => {
  server = new FakeApiServer();
  logged = [];
  opened = [];
  store = await openStore();
});
afterEach(() => Promise.all(opened.map((each) => each.close())));

describeJobStore('SecretJobStore', async () => {
  const [one, two] = await Promise.all([openStore(), openStore()]);
  return { store: one, replica: two, close: async () => {} };
});

describe('what goes over the wire', () => {
  it('is as few calls as can be', async () => {
    let record = await create();
    expect(await callsOf(() => create())).toBe('POST');
    expect(await callsOf(() => store.get(record.name))).toBe('');
    expect(await callsOf(() => store.readPlan(record))).toBe('');
    expect(await callsOf(() => store.getLive(record.name))).toBe('GET');
    expect(await callsOf(() => store.get('meta-unknown'))).toBe('GET');
    const update = async () => {
      record = (await store.update(record, { runId: 'run' })) ?? record;
    };
    expect(await callsOf(update)).toBe('PATCH');
    expect(await callsOf(() => store.delete(record))).toBe('DELETE');
  });

  it('asks for metadata alone wherever that does', async () => {
    const record = await create();
    await store.getLive(record.name);
    const updated = await store.update(record, { runId: 'run' });
    const reader = await openStore();
    await reader.get('meta-unknown');
    if (updated) await store.delete(updated);
    for (const { method, accept } of server.requests) {
      expect([method, accept]).toEqual([method, expect.stringMatching(/as=PartialObjectMetadata/)]);
    }
    expect(server.requests.length).toBeGreaterThan(6);
  });

  it('names uid and version in every change', async () => {
    const record = await create();
    const updated = (await store.update(record, { runId: 'run' })) as JobRecord;
    await store.delete(updated);
    const [patch, remove] = server.requests.slice(-2);
    const { uid } = record;
    expect(patch?.body).toMatchObject({ metadata: { uid, resourceVersion: record.version } });
    expect(remove?.body).toMatchObject({
      preconditions: { uid, resourceVersion: updated.version },
    });
  });
});

describe('a record that is not there', () => {
  it('is forgotten once the API server itself has said so', async () => {
    const record = await create();
    server.before = () => {
      throw new ApiError('refused', { status: 404, reason: 'NotFound' });
    };
    expect(await store.getLive(record.name)).toBeUndefined();
    expect(store.getCached(record.name)).toBeUndefined();
    expect(await store.update(record, { runId: 'run' })).toBeUndefined();
    expect(await store.delete(record)).toBe(true);
  });

  it('is not taken for gone because somebody in between knows no better', async () => {
    const record = await create();
    const reader = await openStore();
    // What a proxy says while the API server behind it is away.
    server.before = () => {
      throw new ApiError('refused', { status: 404 });
    };
    const unavailable = { code: 'CLUSTER_UNAVAILABLE' };
    await expect(store.getLive(record.name)).rejects.toMatchObject(unavailable);
    await expect(store.get('unknown')).rejects.toMatchObject(unavailable);
    await expect(store.update(record, { runId: 'run' })).rejects.toMatchObject(unavailable);
    await expect(reader.readPlan(record)).rejects.toMatchObject(unavailable);
    await expect(store.delete(record)).rejects.toMatchObject(unavailable);
    expect(store.getCached(record.name)).toEqual(record);
  });
});

describe('a name that is taken', () => {
  it('by a stranger is no job', async () => {
    const draft = makeDraft(randomUUID());
    server.create(SECRETS, { metadata: { name: draft.name } });
    expect(await store.create(draft, makePayload())).toMatchObject({ outcome: 'taken' });
    expect(await store.get(draft.name)).toBeUndefined();
  });

  it('by a record that a finalizer still holds is said to be, until that is gone', async () => {
    const { name, id } = await create();
    server.patch(`${SECRETS}/${name}`, { metadata: { finalizers: ['test/hold'] } });
    const held = (await store.getLive(name)) as JobRecord;
    expect(await store.delete(held)).toBe(true);
    expect(store.getCached(name)).toBeUndefined();
    expect(await store.create(makeDraft(id), makePayload())).toMatchObject({
      outcome: 'taken',
      detail: expect.stringMatching(/being deleted/),
    });
    server.patch(`${SECRETS}/${name}`, { metadata: { finalizers: null } });
    expect(await store.create(makeDraft(id), makePayload())).toMatchObject({ outcome: 'created' });
  });
});

describe('a record that cannot be read', () => {
  const STATE = 'trainer.deepfinery/state';

  /** The lines of the log, without what every line has. */
  const lines = () =>
    logged.map((line) => {
      const { level, job_id, backend_job_id, unreadable, msg } = JSON.parse(line);
      return { level, job_id, backend_job_id, unreadable, msg };
    });

  it('stays, is told once to the log by its job, and can be written anew', async () => {
    const { id, name, state } = await create();
    const told = eventually(
      (tell) => store.watch(tell),
      () => store.getCached(name)?.unreadable !== undefined,
    );
    server.patch(`${SECRETS}/${name}`, { metadata: { annotations: { [STATE]: '{"hf_secret' } } });
    await told;
    const found = store.getCached(name) as JobRecord;
    expect(found).toMatchObject({ unreadable: ['state'], state: { reason: 'RECORD_UNREADABLE' } });
    expect(await store.getLive(name)).toStrictEqual(found);
    expect(await store.create(makeDraft(found.id), makePayload())).toMatchObject({
      outcome: 'exists',
    });
    const job = { job_id: id, backend_job_id: name };
    const error = { level: 50, ...job, unreadable: ['state'] };
    expect(lines()).toEqual([{ ...error, msg: 'record cannot be read' }]);
    const mended = await store.update(found, { state: { ...state, status: 'cancelled' } });
    expect(mended).toMatchObject({ state: { status: 'cancelled', reason: 'ACCEPTED' } });
    expect(mended).not.toHaveProperty('unreadable');
    expect(logged.join()).not.toContain('hf_secret');
  });

  it.each(['.asked.json', '.plan.json', '.callback.json'])(
    'in its data (%s) is told without quoting it, and keeps what can be read',
    async (key) => {
      const record = await create();
      const reader = await openStore();
      const text = '{"token":"hf_secret"';
      server.patch(`${SECRETS}/${record.name}`, { data: { [key]: btoa(text) } });
      const payload = await reader.readPayload(record);
      expect(payload?.secrets).toEqual(makePayload().secrets);
      const planned = await reader.readPlan(record);
      const isCallback = key === '.callback.json';
      expect(planned === undefined).toBe(!isCallback);
      expect(payload?.callback === undefined).toBe(isCallback);
      const part = isCallback ? 'callback' : 'plan';
      const job = { job_id: record.id, backend_job_id: record.name };
      const error = { level: 50, ...job, unreadable: [part] };
      expect(lines()).toEqual([{ ...error, msg: 'record cannot be read' }]);
      expect(logged.join()).not.toContain('hf_secret');
    },
  );
});

it('refuses what is larger than a Secret can be', async () => {
  const payload = makePayload({
    asked: { first: { text: 'x'.repeat(1.2 * 1024 * 1024) }, second: {} },
  });
  await expect(create(payload)).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
});

it('tells a full quota in its own words, as what refuses the job', async () => {
  server.before = () => {
    const serverMessage =
      'secrets "x" is forbidden: exceeded quota: few, requested: count/secrets=1, used: count/secrets=5, limited: count/secrets=5';
    throw new ApiError('refused', { status: 403, reason: 'Forbidden', serverMessage });
  };
  await expect(create()).rejects.toMatchObject({
    code: 'SUBMISSION_REFUSED',
    message:
      'The quota few is exceeded: requested count/secrets=1, used count/secrets=5, limited to count/secrets=5',
  });
});

describe('a purge', () => {
  const textOf = ({ name }: JobRecord) => {
    const secret = server.get(`${SECRETS}/${name}`);
    return Object.values((secret?.data ?? {}) as Record<string, string>)
      .map((value) => Buffer.from(value, 'base64').toString())
      .join();
  };

  it('leaves no credential in the Secret once the callback is settled', async () => {
    const asked = { first: { args: ['hf_secret'] }, second: { args: ['x=aws_secret'] } };
    const record = await create(makePayload({ asked }));
    const bare = (await store.purgeCredentials(record)) as JobRecord;
    expect(textOf(bare)).not.toMatch(/hf_secret|aws_secret/);
    expect(textOf(bare)).toMatch(/hook-secret/);
    const delivery = { ...bare.delivery, settled: 'expired' as const };
    const settled = (await store.update(bare, { delivery })) as JobRecord;
    expect(await store.purgeCredentials(settled)).toMatchObject({ webhookAuth: 'gone' });
    expect(textOf(bare)).not.toMatch(/hook-secret/);
    expect(textOf(bare)).toMatch(/studio.example/);
  });

  it('takes what cannot be read, too, since it may hold anything', async () => {
    const record = await create();
    const data = { '.asked.json': btoa('{"hf_secret'), '.callback.json': btoa('{"hook-secret') };
    server.patch(`${SECRETS}/${record.name}`, { data });
    const current = (await store.getLive(record.name)) as JobRecord;
    const delivery = { ...record.delivery, settled: 'expired' as const };
    const settled = (await store.update(current, { delivery })) as JobRecord;
    await store.purgeCredentials(settled);
    expect(textOf(record)).not.toMatch(/secret/);
  });

  it('finds the auth_header of a record of the first release, which did not note it', async () => {
    const record = await create();
    server.patch(`${SECRETS}/${record.name}`, {
      metadata: { annotations: { 'trainer.deepfinery/webhook-auth': null } },
    });
    expect(await store.getLive(record.name)).toMatchObject({ webhookAuth: 'kept' });
  });
});

it('finds everything again after a restart, and nothing of other backends', async () => {
  const record = await create();
  await store.close();
  const [after, other] = await Promise.all([openStore(), openStore('nemo')]);
  expect(after.getCached(record.name)).toStrictEqual(record);
  expect(await after.readPayload(record)).toStrictEqual(makePayload());
  expect(other.count()).toBe(0);
  expect(await other.getLive(record.name)).toBeUndefined();
});

it('tells what our account lacks to the log and not to the caller', async () => {
  server.before = () => {
    const serverMessage = 'secrets is forbidden: cannot create resource "secrets" in API group ""';
    throw new ApiError('refused', { status: 403, reason: 'Forbidden', serverMessage });
  };
  const refusal = await create().catch((error: Error) => error);
  expect(refusal).toMatchObject({ code: 'CLUSTER_UNAVAILABLE', status: 503 });
  expect((refusal as Error).message).not.toMatch(/secrets|create|account|namespace/);
  expect(logged.join()).toMatch(/cannot create resource \\"secrets\\"/);
  expect(logged.join()).not.toMatch(/hf_secret|aws_secret|hook-secret/);
});
