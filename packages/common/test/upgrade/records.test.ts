import { readdirSync, readFileSync } from 'node:fs';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ApiObject } from '../fake-api/api-object.ts';
import { FakeApiServer } from '../fake-api/fake-api-server.ts';
import { FakeTrainer } from '../fake-api/fake-trainer.ts';
import { NAMESPACE, startFakeClusterService } from '../fake-api/start-fake-cluster-service.ts';
import type { TestService } from '../start-test-service.ts';

/** A job as a version left it in the cluster, with the request that it was made of. */
interface Fixture {
  readonly request: Readonly<Record<string, unknown>>;
  readonly secret: ApiObject;
  readonly trainJob: ApiObject | null;
}

const RECORDS = new URL('../records/', import.meta.url);
const SECRETS = `/api/v1/namespaces/${NAMESPACE}/secrets`;
const OWN = 'trainer.deepfinery/';

/** What the record of each file says; the files are named for it. */
const STATES: Readonly<Record<string, object>> = {
  submitted: { status: 'submitted', reason: 'ACCEPTED' },
  running: { status: 'running', reason: 'RUNNING' },
  succeeded: { status: 'succeeded', reason: 'COMPLETED' },
  failed: { status: 'failed', reason: 'TRAINING_FAILED' },
  cancelled: { status: 'cancelled', reason: 'CANCELLED_BY_REQUEST' },
  purged: { status: 'cancelled', reason: 'CANCELLED_BY_REQUEST' },
  unstarted: { status: 'submitted', reason: 'ACCEPTED' },
  'without-webhook': { status: 'submitted', reason: 'ACCEPTED' },
};

const OTHER_PLACES = { log_uri: 's3://other/logs/', output_uri: 's3://other/results/' };

let server: FakeApiServer;
let trainer: FakeTrainer;
let service: TestService;
let logged: string[];

async function start(...fixtures: Fixture[]): Promise<void> {
  for (const { secret, trainJob } of fixtures) {
    server.restore(SECRETS, secret);
    if (trainJob !== null) server.restore(trainer.collection, trainJob);
  }
  const logger = pino({ level: 'error' }, { write: (line: string) => logged.push(line) });
  service = await startFakeClusterService(server, 'meta', logger);
}

function load(version: string, name: string): Fixture {
  return JSON.parse(readFileSync(new URL(`${version}/${name}.json`, RECORDS), 'utf8')) as Fixture;
}

const annotation = ({ metadata }: ApiObject, name: string) =>
  server.get(`${SECRETS}/${metadata.name}`)?.metadata.annotations?.[`${OWN}${name}`];

beforeEach(() => {
  server = new FakeApiServer();
  trainer = new FakeTrainer(server, NAMESPACE, ['meta-runtime', 'test-runtime']);
  logged = [];
});
afterEach(() => service?.close());

describe.each(readdirSync(RECORDS))('records of version %s', (version) => {
  const names = readdirSync(new URL(`${version}/`, RECORDS)).map((file) => file.slice(0, -5));

  it('cover every state', () => {
    expect(names.sort()).toEqual(Object.keys(STATES).sort());
  });

  it.each(names)('%s: is read, and a repeated request is a replay', async (name) => {
    const fixture = load(version, name);
    await start(fixture);
    const { request, secret } = fixture;
    const { status, body } = await service.request(`/train/${request.job_id}`);
    expect([status, body]).toMatchObject([200, STATES[name] ?? {}]);
    expect(body.timestamps.created_at).toBe(
      new Date(Number(secret.metadata.annotations?.[`${OWN}created-at`])).toISOString(),
    );
    expect(body.metadata.job_spec).toMatchObject({ train_job: { kind: 'TrainJob' } });
    expect(JSON.stringify(body)).not.toMatch(/made-up-(hook|wandb)|hf_made|AKIAMADE|made\/up/);

    const again = await service.post('/train', request);
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
    expect(again.body).toMatchObject({ job_id: request.job_id, ...STATES[name] });
    expect(server.list(SECRETS)).toHaveLength(1);
    const other = await service.post('/train', { ...request, artifacts: OTHER_PLACES });
    expect(other.body).toMatchObject({
      status: 409,
      errors: [{ path: 'artifacts.log_uri' }, { path: 'artifacts.output_uri' }],
    });
    expect(logged).toEqual([]);
  });

  it('unstarted: is started from the record alone when it is asked for again', async () => {
    const fixture = load(version, 'unstarted');
    await start(fixture);
    await service.post('/train', fixture.request);
    const { name, uid } = fixture.secret.metadata;
    expect(trainer.get(name)?.metadata.ownerReferences).toMatchObject([{ uid }]);
    await vi.waitFor(() => expect(annotation(fixture.secret, 'run-id')).toBeDefined());
  });

  it('running: is taken to its end, or cancelled', async () => {
    const [running, submitted] = [load(version, 'running'), load(version, 'submitted')];
    await start(running, submitted);
    trainer.end(running.secret.metadata.name, 'Complete', 'AllJobsCompleted');
    const ended = await service.getUntil('running', ({ status }) => status !== 'running');
    expect(ended.body).toMatchObject({ status: 'succeeded', reason: 'COMPLETED' });
    const cancelled = await service.post('/train/submitted/cancel');
    expect(cancelled.body).toMatchObject({ status: 'cancelled' });
    await vi.waitFor(() => expect(trainer.get(submitted.secret.metadata.name)).toBeUndefined());
  });

  it('succeeded: has its callback sent again, with the credentials that are still there', async () => {
    await start(load(version, 'succeeded'));
    expect((await service.post('/train/succeeded/deliveries/replay')).status).toBe(202);
  });
});

describe('a record of a later format', () => {
  const later = (name: string): Fixture => {
    const fixture = load('03f9e5d', name);
    const { metadata } = fixture.secret;
    const annotations = { ...metadata.annotations, [`${OWN}format`]: '3' };
    return { ...fixture, secret: { ...fixture.secret, metadata: { ...metadata, annotations } } };
  };

  it('is left alone, which is said, and can be cancelled', async () => {
    const { secret, request, trainJob } = later('running');
    await start({ secret, request, trainJob });
    const { name, resourceVersion } = server.get(`${SECRETS}/${secret.metadata.name}`)
      ?.metadata ?? {
      name: '',
    };
    trainer.end(name, 'Complete', 'AllJobsCompleted');
    const { body } = await service.request('/train/running');
    expect(body).toMatchObject({ status: 'running', reason: 'RECORD_UNREADABLE' });
    expect(server.get(`${SECRETS}/${name}`)?.metadata.resourceVersion).toBe(resourceVersion);
    expect(logged.map((line) => JSON.parse(line))).toMatchObject([
      { job: name, unreadable: ['format'], msg: 'record cannot be read' },
    ]);
    const metrics = await service.request('/metrics');
    expect(metrics.text).toMatch(/trainer_unreadable_records\{[^}]*\} 1/);
  });

  it('has its run stopped when it is cancelled', async () => {
    const fixture = later('submitted');
    await start(fixture);
    const { body } = await service.post('/train/submitted/cancel');
    expect(body).toMatchObject({ status: 'cancelled', reason: 'CANCELLED_BY_REQUEST' });
    expect(trainer.get(fixture.secret.metadata.name)).toBeUndefined();
  });
});

it('what a container said last is masked in answer, webhook and annotation', async () => {
  const fixture = load('03f9e5d', 'running');
  await start(fixture);
  const { name } = fixture.secret.metadata;
  const message = 'export HF_TOKEN=hf_made_up_token_0123456789\nloss is nan';
  server.create(`/api/v1/namespaces/${NAMESPACE}/pods`, {
    metadata: { name: `${name}-node-0-0-x`, labels: { 'jobset.sigs.k8s.io/jobset-name': name } },
    status: {
      phase: 'Failed',
      containerStatuses: [{ name: 'node', state: { terminated: { exitCode: 1, message } } }],
    },
  });
  trainer.end(name, 'Failed', 'FailedJobs', 'jobset failed');
  const { body } = await service.getUntil('running', ({ status }) => status === 'failed');
  const detail =
    'The container node failed with exit code 1: export HF_TOKEN=[redacted] / loss is nan';
  expect(body).toMatchObject({ reason: 'POD_FAILED', detail });
  expect(annotation(fixture.secret, 'state')).toContain(detail);
});
