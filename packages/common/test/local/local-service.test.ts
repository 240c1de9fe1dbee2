import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startTestService, TestBackend, type TestService } from '../start-test-service.ts';
import { startWebhookReceiver } from '../webhook-receiver.ts';
import { LocalFixture } from './local-fixture.ts';

let fixture: LocalFixture;
let service: TestService;
const env: Record<string, string> = {};

beforeEach(async () => {
  fixture = await LocalFixture.create();
  service = await start();
});
afterEach(async () => {
  await service.close();
  await fixture[Symbol.asyncDispose]();
});

const start = (more: Record<string, string> = env, backend = new TestBackend()) =>
  startTestService({ backend, env: { ...fixture.env, ...more } });

async function submit(job_id: string, standIn: Record<string, unknown> = {}, more = {}) {
  const answer = await service.post('/train', fixture.makeBody(job_id, standIn, more));
  expect(answer.body).toMatchObject({ job_id, status: 'submitted' });
  return answer.body;
}
const until = (job_id: string, status: string) =>
  service.getUntil(job_id, (body) => body.status === status);

async function submitAndRun(job_id: string, standIn: Record<string, unknown>, more = {}) {
  await submit(job_id, standIn, more);
  const { body } = await until(job_id, 'running');
  return { body, runId: fixture.findRun(body.backend_job_id) };
}

test('trains, tells its progress, and ends as the trainer does', async () => {
  await submit('good', { waits: true });
  const running = await service.getUntil('good', (body) => body.progress?.percentage === 1);
  expect(running.body).toMatchObject({
    status: 'running',
    reason: 'RUNNING',
    detail: 'Training is running on 1 CPU core',
    progress: { percentage: 1, estimated_remaining_seconds: 99, metrics: { loss: 0.5 } },
    metadata: { job_spec: { runner: 'local', device: 'cpu', processes: 1 } },
  });
  const runId = fixture.findRun(running.body.backend_job_id);
  fixture.release(runId);
  const { body } = await until('good', 'succeeded');
  expect(body).toMatchObject({
    reason: 'COMPLETED',
    detail: 'Training completed',
    progress: { percentage: 100 },
    timestamps: { started_at: running.body.timestamps.started_at, ended_at: expect.any(String) },
  });
  await fixture.untilDead(runId);
});

test('shows what the training reports, and keeps it over a restart', async () => {
  const uri = `file://${fixture.root}/results/told/checkpoints/checkpoint-3`;
  const report = {
    phase: 'saving',
    step: 3,
    percentage: 42,
    metrics: [{ step: 3, values: { loss: 0.25 } }],
    checkpoints: [{ step: 3, uri, time: 1 }],
  };
  const { runId } = await submitAndRun('told', { waits: true, report });
  const isTold = (body: { checkpoints: unknown[] }) => body.checkpoints.length === 1;
  const { body } = await service.getUntil('told', isTold);
  expect(body).toMatchObject({
    phase: 'saving',
    progress: { percentage: 42, metrics: { step: 3, loss: 0.25 } },
    checkpoints: [{ step: 3, uri, saved_at: '1970-01-01T00:00:01.000Z' }],
  });
  await service.close();
  service = await start();
  // Numbers come from the status file until the training reports again.
  const after = await service.getUntil('told', ({ progress }) => progress?.percentage === 1);
  expect(after.body).toMatchObject({ phase: 'saving', checkpoints: [{ uri }] });
  fixture.release(runId);
  await until('told', 'succeeded');
});

test('ends with the result that the training has reported, and without a report with the one it left', async () => {
  const model_uri = join(fixture.root, 'results/reported/model');
  const result = { model_uri: '/elsewhere', rows: 3, files: { a: 1 } };
  await submit('reported', { report: { phase: 'uploading', result } });
  const { body } = await until('reported', 'succeeded');
  expect(body.result).toEqual({ model_uri, rows: 3, files: { a: 1 } });
  await service.close();
  service = await start();
  expect((await until('reported', 'succeeded')).body.result).toEqual(body.result);

  await submit('left');
  expect((await until('left', 'succeeded')).body.result).toEqual({
    model_uri: join(fixture.root, 'results/left/model'),
  });
});

test.each([
  [
    { exit_code: 3, termination: 'DATASET_INVALID: rows.jsonl, line 2.' },
    'DATASET_INVALID',
    'The training ended with exit code 3: rows.jsonl, line 2.',
  ],
  [
    { exit_code: 1, termination: 'INTERNAL: KeyError: x' },
    'TRAINING_FAILED',
    'The training ended with exit code 1: KeyError: x',
  ],
  [
    { exit_code: 9, output: 'one\ntwo\nthree\nfour\n' },
    'TRAINING_FAILED',
    'The training ended with exit code 9: two / three / four',
  ],
])('a trainer that fails with %j is told as %s', async (standIn, reason, detail) => {
  await submit('bad', { outcome: 'failed', ...standIn });
  expect((await until('bad', 'failed')).body).toMatchObject({ reason, detail });
});

test('tells webhooks, replays a repeated POST, and refuses another one', async () => {
  const receiver = await startWebhookReceiver();
  const callbacks = { callbacks: { webhook_url: receiver.url } };
  await submit('told', {}, callbacks);
  await until('told', 'succeeded');
  const final = await receiver.next(({ json }) => json.status === 'succeeded');
  expect(final.json).toMatchObject({ job_id: 'told', reason: 'COMPLETED' });
  const again = await service.post('/train', fixture.makeBody('told', {}, callbacks));
  expect(again.headers.get('idempotent-replayed')).toBe('true');
  const other = await service.post(
    '/train',
    fixture.makeBody('told', { outcome: 'failed' }, callbacks),
  );
  expect(other.status).toBe(409);
});

test('cancelling with a checkpoint lets the training save, and starts nothing again', async () => {
  const uri = join(fixture.root, 'results/saves/checkpoints/checkpoint-4');
  const { runId } = await submitAndRun('saves', { outcome: 'never', obeys: { uri } });
  const cancelled = await service.post('/train/saves/cancel?save=true');
  expect(cancelled.body).toMatchObject({ status: 'cancelled' });
  // Killed and restarted between the latch and the end.
  await service.close();
  service = await start();
  const { body } = await service.getUntil('saves', ({ checkpoints }) => checkpoints.length > 0);
  expect(body).toMatchObject({
    status: 'cancelled',
    detail: 'Job cancellation requested',
    checkpoints: [{ step: 4, uri }],
  });
  await fixture.untilDead(runId);
  expect(readdirSync(join(fixture.stateDir, 'runs')).filter((id) => id !== runId)).toEqual([]);
});

test('cancelling with a checkpoint ends a training that does not end in time', async () => {
  await service.close();
  service = await start({ TRAINER_GRACE_SECONDS: '1' });
  const { runId } = await submitAndRun('stays', {
    outcome: 'never',
    ignoresTerm: true,
    obeys: { ends: false },
  });
  await service.post('/train/stays/cancel?save=true');
  expect(fixture.isAlive(runId)).toBe(true);
  await fixture.untilDead(runId);
});

test('cancelling ends every process of a run, also those that will not or have left its group', async () => {
  await service.close();
  service = await start({ TRAINER_GRACE_SECONDS: '0.3' });
  const { runId } = await submitAndRun('stubborn', {
    outcome: 'never',
    ignoresTerm: true,
    forks: true,
  });
  expect((await service.post('/train/stubborn/cancel')).body.status).toBe('cancelled');
  await fixture.untilDead(runId);
  expect((await service.request('/train/stubborn')).body.status).toBe('cancelled');
  while (existsSync(fixture.runFolder(runId)))
    await new Promise((resolve) => setTimeout(resolve, 10));
});

test('a process that the trainer leaves behind ends with it', async () => {
  const { runId } = await submitAndRun('forks', { waits: true, forks: true });
  fixture.release(runId);
  await until('forks', 'succeeded');
  await fixture.untilDead(runId);
});

async function reasonsOf(job: string): Promise<string[]> {
  const { body } = await service.request(`/train/${job}/events`);
  const states: { type: string; data: { reason: string } }[] = body.data;
  return states.flatMap(({ type, data }) => (type === 'job.state' ? [data.reason] : []));
}

test('says of no job that it waits in a line which finds a free core at once', async () => {
  await submit('free');
  await until('free', 'succeeded');
  expect(await reasonsOf('free')).not.toContain('QUEUED');
});

test('serves first come, first served, and tells the place in the line', async () => {
  await service.close();
  service = await start({ TRAINER_LOCAL_CORES: '1' });
  const { runId } = await submitAndRun('first', { waits: true });
  await submit('second', { waits: true });
  await submit('third', { waits: true });
  const place = (job: string, number: number) =>
    service.getUntil(
      job,
      ({ reason, detail }) =>
        reason === 'QUEUED' &&
        detail === `Waiting for a free CPU core: number ${number} in the line`,
    );
  await place('second', 1);
  const waiting = await place('third', 2);
  expect(waiting.body).toMatchObject({ status: 'submitted' });
  expect(await reasonsOf('second')).toEqual(['ACCEPTED', 'QUEUED']);
  expect((await service.post('/train/second/cancel')).body.status).toBe('cancelled');
  await place('third', 1);
  fixture.release(runId);
  await until('third', 'running');
});

test('starts a run later whose folder could not be made, as while the disk is full', async () => {
  await service.close();
  const { promise: hasFailed, resolve } = Promise.withResolvers<Record<string, unknown>>();
  const write = (line: string) =>
    line.includes('run could not be supervised') && resolve(JSON.parse(line));
  service = await startTestService({
    backend: new TestBackend(),
    env: { ...fixture.env, TRAINER_LOCAL_CORES: '1' },
    logger: pino({ level: 'warn' }, { write }),
  });
  const { runId } = await submitAndRun('first', { waits: true });
  const { backend_job_id } = await submit('second');
  const folder = fixture.runFolder(fixture.findQueuedRun(backend_job_id));
  mkdirSync(folder);
  writeFileSync(join(folder, 'work'), 'in the way');
  fixture.release(runId);
  expect(await hasFailed).toMatchObject({ job_id: 'second', backend_job_id });
  unlinkSync(join(folder, 'work'));
  await until('second', 'succeeded');
});

test('goes on after a restart with what runs, what waits and what has ended meanwhile', async () => {
  await service.close();
  service = await start({ TRAINER_LOCAL_CORES: '2' });
  const going = await submitAndRun('going', { waits: true });
  const ending = await submitAndRun('ending', { waits: true });
  await submit('waiting', { waits: true });
  await service.getUntil('waiting', ({ reason }) => reason === 'QUEUED');
  await service.close();
  fixture.release(ending.runId);
  await fixture.untilDead(ending.runId);
  service = await start({ TRAINER_LOCAL_CORES: '2' });
  expect((await until('ending', 'succeeded')).body.timestamps.started_at).toBe(
    ending.body.timestamps.started_at,
  );
  expect((await service.request('/train/going')).body).toMatchObject({ status: 'running' });
  await until('waiting', 'running');
  fixture.release(going.runId);
  await until('going', 'succeeded');
});

/** Another family of models on the same machine. */
class OtherBackend extends TestBackend {
  override readonly name = 'other' as 'test';
}

test('shares its slots and its line with the other services of the machine', async () => {
  const one = { TRAINER_LOCAL_CORES: '1' };
  await service.close();
  service = await start(one);
  await using other = await start(one, new OtherBackend());
  const { runId } = await submitAndRun('here', { waits: true });
  await other.post('/train', fixture.makeBody('there', { waits: true }));
  await other.getUntil('there', ({ reason }) => reason === 'QUEUED');
  await submit('here-2', { waits: true });
  await service.getUntil('here-2', ({ detail }) => detail.endsWith('number 2 in the line'));
  expect((await other.request('/train/here')).status).toBe(404);
  fixture.release(runId);
  const there = await other.getUntil('there', ({ status }) => status === 'running');
  expect((await service.request('/train/here-2')).body.reason).toBe('QUEUED');
  fixture.release(fixture.findRun(there.body.backend_job_id));
  await until('here-2', 'running');
});

test('waits for no service that is away', async () => {
  const one = { TRAINER_LOCAL_CORES: '1' };
  await service.close();
  service = await start(one);
  const other = await start(one, new OtherBackend());
  const { runId } = await submitAndRun('here', { waits: true });
  await other.post('/train', fixture.makeBody('away', {}));
  await other.getUntil('away', ({ reason }) => reason === 'QUEUED');
  await other.close();
  await submit('here-2', { waits: true });
  fixture.release(runId);
  await until('here-2', 'running');
});

test('a second process of one service refuses to start', async () => {
  await expect(start()).rejects.toThrow(
    /Another test service \(process \d+\) already keeps its jobs/,
  );
});

test('a run gets the credentials of its request in its environment, and nothing of the service', async () => {
  process.env.TRAINER_API_TOKEN_OF_THE_TEST = 'never-inherited';
  const { runId } = await submitAndRun(
    'env',
    { waits: true },
    {
      base_model: {
        provider: 'meta',
        model_name: 'org/name',
        huggingface_token: 'hf_canary_token',
      },
      resources: { gpus: 4 },
    },
  );
  await service.getUntil('env', ({ progress }) => progress?.percentage === 1);
  const environment = fixture.readRunFile(runId, 'work/environment.json');
  expect(environment).toMatchObject({
    HF_TOKEN: 'hf_canary_token',
    TRAINING_JOB_ID: 'env',
    TRAINER_RUN_ID: runId,
    TRAINER_DEVICE: 'cpu',
    OMP_NUM_THREADS: '1',
    TRAINER_PROCESSES: '4',
    TRAINER_LOCAL_ROOTS: fixture.root,
    CUDA_VISIBLE_DEVICES: '',
    PYTHONSAFEPATH: '1',
  });
  expect(environment).not.toHaveProperty('TRAINER_API_TOKEN_OF_THE_TEST');
  delete process.env.TRAINER_API_TOKEN_OF_THE_TEST;

  // The trainer of this test writes its environment down; nothing else may hold it but the records.
  const held = listFiles(fixture.stateDir).filter((path) =>
    readFileSync(path, 'latin1').includes('hf_canary_token'),
  );
  const names = held.map((path) => path.split('/').at(-1));
  expect(new Set(names)).toEqual(new Set(['environment.json', 'records.sqlite-wal']));
  for (const path of listFiles(fixture.stateDir)) {
    expect(`${path} ${(statSync(path).mode & 0o077).toString(8)}`).toBe(`${path} 0`);
  }
});

test('runs a job again with its credentials and from its checkpoint, also after a restart', async () => {
  const base_model = {
    provider: 'meta',
    model_name: 'org/name',
    huggingface_token: 'hf_canary_token',
  };
  const uri = `file://${fixture.root}/results/first/checkpoints/checkpoint-3`;
  const checkpoints = [{ step: 3, uri, time: 1 }];
  const report = { phase: 'saving', step: 3, percentage: 1, checkpoints };
  const first = await submitAndRun('first', { waits: true, report }, { base_model });
  await service.getUntil('first', ({ checkpoints }) => checkpoints.length === 1);
  fixture.release(first.runId);
  await until('first', 'succeeded');
  await service.close();
  service = await start();
  const { status, body, text } = await service.post('/train/first/rerun', {
    job_id: 'second',
    from: 'checkpoint',
    changes: { tuning_parameters: { num_epochs: 2 } },
  });
  expect(status, text).toBe(200);
  expect(body).toMatchObject({ status: 'submitted', rerun_of: 'first' });
  await until('second', 'running');
  const runId = fixture.findRun(body.backend_job_id);
  await service.getUntil('second', ({ progress }) => progress?.percentage === 1);
  const environment = fixture.readRunFile(runId, 'work/environment.json');
  expect(environment).toMatchObject({ HF_TOKEN: 'hf_canary_token', TRAINING_JOB_ID: 'second' });
  const { extra_parameters, tuning_parameters } = JSON.parse(
    (environment as Record<string, string>).TRAINING_REQUEST_JSON ?? '',
  );
  expect(extra_parameters.resume_from).toBe('first');
  expect(tuning_parameters.num_epochs).toBe(2);
  fixture.release(runId);
  await until('second', 'succeeded');
  expect((await service.request('/train/first')).body.reruns).toEqual(['second']);
});

test('tells what a job was asked for, also after a restart', async () => {
  const base_model = {
    ...{ provider: 'meta', model_name: 'org/name' },
    huggingface_token: 'hf_canary_token',
  };
  await submit('asked', {}, { base_model });
  await until('asked', 'succeeded');
  const before = await service.request('/train/asked/request');
  expect(before.body).toMatchObject({
    request: { job_id: 'asked', base_model: { huggingface_token: '[redacted]' } },
    credentials: 'kept',
    resolved_request: { job_id: 'asked', tuning_parameters: { num_epochs: 3 } },
  });
  expect(before.text).not.toContain('hf_canary_token');
  const { metadata } = (await service.request('/train/asked')).body;
  const [token] = metadata.job_spec.env.filter(({ name }: { name: string }) => name === 'HF_TOKEN');
  expect(token).toEqual({ name: 'HF_TOKEN', secret: true });
  await service.close();
  service = await start();
  expect((await service.request('/train/asked/request')).body).toEqual(before.body);
});

test('forgets credentials and folder when a run expires', async () => {
  await service.close();
  service = await start({ TRAINER_TRAINJOB_TTL_SECONDS: '0.2' });
  await submit(
    'expires',
    {},
    {
      base_model: {
        provider: 'meta',
        model_name: 'org/name',
        huggingface_token: 'hf_canary_token',
      },
    },
  );
  const { body } = await until('expires', 'succeeded');
  const isKept = () =>
    readdirSync(join(fixture.stateDir, 'runs')).length > 0 ||
    listFiles(fixture.stateDir).some((path) =>
      readFileSync(path, 'latin1').includes('hf_canary_token'),
    );
  while (isKept()) await new Promise((resolve) => setTimeout(resolve, 20));
  expect((await service.request('/train/expires')).body).toMatchObject({
    status: 'succeeded',
    detail: body.detail,
  });
});

test('a folder outside that a link leads to later is refused when the run starts', async () => {
  await service.close();
  service = await start({ TRAINER_LOCAL_CORES: '1' });
  const { runId } = await submitAndRun('holds', { waits: true });
  await submit(
    'later',
    {},
    {
      artifacts: { log_uri: `${fixture.root}/later/logs`, output_uri: `${fixture.root}/results` },
    },
  );
  symlinkSync('/etc', join(fixture.root, 'later'));
  fixture.release(runId);
  expect((await until('later', 'failed')).body).toMatchObject({
    reason: 'CONFIG_INVALID',
    detail: expect.stringContaining('artifacts.log_uri is outside the folders'),
  });
});

test('refuses at the POST what a machine of its own would allow', async () => {
  const { status, body } = await service.post(
    '/train',
    fixture.makeBody(
      'ways',
      {},
      {
        datasets: [{ source: '/etc/passwd', format: 'jsonl' }],
        extra_parameters: { trainer_command: ['id'], trainer_env: { LD_PRELOAD: 'x' } },
        artifacts: {
          log_uri: 's3://b/l',
          output_uri: 's3://b/o',
          status_stream_url: 'http://127.0.0.1:1/x',
        },
      },
    ),
  );
  expect(status).toBe(400);
  expect(body.errors.map(({ path }: { path: string }) => path)).toEqual([
    'datasets[0].source',
    'artifacts.status_stream_url',
    'extra_parameters.trainer_command',
    'extra_parameters.trainer_env.LD_PRELOAD',
  ]);
});

test('sends a job to public addresses only, and to those that the operator opens', async () => {
  const post = (jobId: string, url: string) =>
    service.post(
      '/train',
      fixture.makeBody(
        jobId,
        {},
        {
          datasets: [{ source: `${url}/rows.jsonl`, format: 'jsonl' }],
          artifacts: { log_uri: 's3://b/l', output_uri: 's3://b/o', status_stream_url: url },
        },
      ),
    );
  for (const [index, host] of ['10.0.0.5', '192.168.1.1:8443', '[fd00::1]'].entries()) {
    const { status, body } = await post(`private-${index}`, `https://${host}`);
    expect(status).toBe(400);
    expect(body.errors.map(({ message }: { message: string }) => message)).toEqual(
      ['datasets[0].source', 'artifacts.status_stream_url'].map(
        (path) =>
          `${path} must not point to a private address (TRAINER_LOCAL_ALLOWED_HOSTS opens more).`,
      ),
    );
  }
  await service.close();
  service = await start({ TRAINER_LOCAL_ALLOWED_HOSTS: '10.0.0.*' });
  expect((await post('opened', 'https://10.0.0.5')).status).toBe(200);
});

test('says in warnings what is ignored', async () => {
  const { metadata } = await submit(
    'ignored',
    {},
    {
      resources: { gpus: 32, gpu_type: 'H100', cpus: 16, memory_gb: 512 },
      extra_parameters: {
        container_image: 'a/b:1',
        queue_name: 'q',
        priority_class_name: 'high',
        node_selector: { zone: 'a' },
        tolerations: [{ key: 'gpu', operator: 'Exists' }],
        image_pull_secrets: ['registry'],
        num_proc_per_node: 2,
        stand_in: {},
      },
    },
  );
  const text = metadata.warnings.join('\n');
  for (const name of [
    'container_image',
    'queue_name',
    'priority_class_name',
    'node_selector',
    'tolerations',
    'image_pull_secrets',
    'num_proc_per_node',
  ]) {
    expect(text).toContain(`extra_parameters.${name} is ignored`);
  }
  expect(text).toContain('resources.gpu_type is ignored');
  expect(text).toContain('resources.cpus and resources.memory_gb are ignored');
  expect(text).toContain(
    'resources.gpus is 32, and this machine has no GPU: the job trains in 16 processes on CPU cores',
  );
});

function listFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

test('forgets a job once its processes are gone, and not before', async () => {
  const { runId } = await submitAndRun('forgotten', { waits: true });
  const forget = () => service.request('/train/forgotten?force=true', { method: 'DELETE' });
  expect((await forget()).body.code).toBe('JOB_NOT_ENDED');
  await service.post('/train/forgotten/cancel');
  const isStopped = async () => {
    const { status, body, headers } = await forget();
    if (status === 204) return true;
    expect([body.code, headers.get('retry-after')]).toEqual(['JOB_BEING_STOPPED', '2']);
    return false;
  };
  while (!(await isStopped()));
  // The shim, which tells the end of its run, may still be on its way out.
  await fixture.untilDead(runId);
  expect(existsSync(fixture.runFolder(runId))).toBe(false);
  expect((await service.request('/train/forgotten')).status).toBe(404);
  await submitAndRun('forgotten', { waits: true });
});

test('forgets a job that has ended, with the folder of its run', async () => {
  const { runId } = await submitAndRun('over', { waits: true });
  fixture.release(runId);
  await until('over', 'succeeded');
  const answer = await service.request('/train/over', { method: 'DELETE' });
  expect(answer.status).toBe(204);
  while (existsSync(fixture.runFolder(runId))) await service.request('/healthz');
});
