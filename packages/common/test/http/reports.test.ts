import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeClock } from '../fake-clock.ts';
import { type ReportBed, startReportBed } from '../report-bed.ts';
import { makeRequest, type TestAnswer } from '../start-test-service.ts';
import { startWebhookReceiver } from '../webhook-receiver.ts';

const NEVER = { extra_parameters: { mock: { submitted_seconds: 0, outcome: 'never' } } };
const REPORT = {
  attempt: 1,
  phase: 'training',
  step: 120,
  max_steps: 400,
  percentage: 30,
  remaining_seconds: 900,
  metrics: [
    { step: 100, time: 1, values: { loss: 0.9, eval_loss: 0.8 } },
    { step: 120, time: 2, values: { loss: 0.5, grad_norm: null } },
  ],
  checkpoints: [
    { step: 100, uri: 's3://bucket/results/job-1/checkpoints/checkpoint-100', time: 1_700_000_000 },
  ],
  warnings: ['The rows are few.'],
  sent_up_to: 0,
};

let clock: FakeClock;
let bed: ReportBed;

const submit = (changes = {}) => bed.service.post('/train', makeRequest({ ...NEVER, ...changes }));
const get = async (jobId = 'job-1') => (await bed.service.request(`/train/${jobId}`)).body;

beforeEach(async () => {
  clock = new FakeClock();
  bed = await startReportBed({ clock });
  await submit();
  await clock.advance(20_000);
});
afterEach(() => bed.service.close());

describe('a report of a job', () => {
  test('shows in the answer: progress, phase, checkpoints, warnings', async () => {
    expect(await get()).toMatchObject({ phase: 'training', checkpoints: [] });
    const answer = await bed.report('job-1', REPORT);
    expect([answer.status, answer.body]).toEqual([200, { orders: [], sent_up_to: 120 }]);
    await clock.advance(0);
    expect(await get()).toMatchObject({
      status: 'running',
      phase: 'training',
      progress: {
        percentage: 30,
        estimated_remaining_seconds: 900,
        metrics: { step: 120, loss: 0.5, eval_loss: 0.8 },
      },
      checkpoints: [
        {
          step: 100,
          uri: 's3://bucket/results/job-1/checkpoints/checkpoint-100',
          saved_at: '2023-11-14T22:13:20.000Z',
        },
      ],
      metadata: { warnings: ['The rows are few.'] },
    });
  });

  test('is written at most once in five seconds, and then with all that was said', async () => {
    await bed.report('job-1', { attempt: 1, phase: 'downloading' });
    await clock.advance(1000);
    await bed.report('job-1', { attempt: 1, phase: 'training' });
    await bed.report('job-1', { attempt: 1, warnings: ['late'] });
    await clock.advance(3900);
    expect(await get()).toMatchObject({ phase: 'downloading', metadata: { warnings: [] } });
    await clock.advance(200);
    expect(await get()).toMatchObject({ phase: 'training', metadata: { warnings: ['late'] } });
  });

  test('is asked for the metrics that this process does not know', async () => {
    const { body } = await bed.report('job-1', { attempt: 1, step: 900, sent_up_to: 880 });
    expect(body).toEqual({ orders: [], sent_up_to: 0, send_from_step: 780 });
  });

  test('needs nothing but its attempt', async () => {
    const { status } = await bed.report('job-1', { attempt: 1, phase: 'of a later version' });
    expect(status).toBe(200);
    expect(await get()).toMatchObject({ status: 'running', phase: 'training' });
  });

  test('ends with the job: the training is told to stop, and no phase is taken', async () => {
    await bed.service.post('/train/job-1/cancel');
    const late = { ...REPORT, warnings: ['too late'] };
    const { body } = await bed.report('job-1', late);
    expect(body.orders).toEqual([{ do: 'stop', save: false }]);
    await clock.advance(0);
    expect(await get()).toMatchObject({
      status: 'cancelled',
      phase: null,
      checkpoints: [{ step: 100 }],
      metadata: { warnings: [] },
    });
    // The run is gone, and so is the time that its last processes had.
    await clock.advance(200_000);
    expect((await bed.report('job-1', late)).status).toBe(403);
  });
});

describe('a report cannot', () => {
  test('come with any token but that of its job', async () => {
    await submit({ job_id: 'job-2' });
    const other = await bed.readToken('job-2');
    const own = await bed.readToken('job-1');
    expect(Buffer.from(own, 'base64url')).toHaveLength(32);
    for (const [jobId, token, status] of [
      ['job-1', other, 403],
      ['job-1', own.slice(0, -1), 403],
      ['job-1', bed.readRecord('job-1').reportTokenHash ?? '', 403],
      ['job-1', ' ', 401],
      ['no-job', own, 403],
    ] as const) {
      expect((await bed.report(jobId, REPORT, token)).status).toBe(status);
    }
    expect(await get()).toMatchObject({ progress: { metrics: { loss: expect.any(Number) } } });
    expect((await get()).progress.metrics).not.toHaveProperty('eval_loss');
  });

  test('come with the token of the service', async () => {
    await using guarded = await startReportBed({ clock, env: { TRAINER_API_TOKEN: 'api-token' } });
    const headers = { authorization: 'Bearer api-token' };
    await guarded.service.post('/train', makeRequest(NEVER), headers);
    expect((await guarded.report('job-1', REPORT, 'api-token')).status).toBe(403);
    // Nor does a job's own token open anything else.
    const token = await guarded.readToken('job-1');
    const opened = await guarded.service.request('/train/job-1', {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(opened.status).toBe(403);
  });

  test('be larger than 64 KiB', async () => {
    const tooLong = JSON.stringify({ attempt: 1, log_tail: 'x'.repeat(64 * 1024) });
    const answer = await bed.report('job-1', tooLong);
    expect([answer.status, answer.body.detail]).toEqual([413, 'The report is larger than 64 KiB.']);
    await clock.advance(1000);
    const huge = JSON.stringify({ attempt: 1, log_tail: 'x'.repeat(10 * 1024 * 1024) });
    expect((await bed.report('job-1', huge)).status).toBe(413);
  });

  test('come more than twice a second', async () => {
    const token = await bed.readToken('job-1');
    const answers: TestAnswer[] = [];
    while (answers.length < 1000) {
      const some = Array.from({ length: 50 }, () => bed.report('job-1', { attempt: 1 }, token));
      answers.push(...(await Promise.all(some)));
    }
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(998);
    expect(refused[0]?.headers.get('retry-after')).toBe('1');
    await clock.advance(1000);
    expect((await bed.report('job-1', { attempt: 1 })).status).toBe(200);
  });

  test('change status, reason or end', async () => {
    const before = await get();
    const said = { status: 'succeeded', reason: 'COMPLETED', detail: 'Done', ended_at: 'now' };
    expect((await bed.report('job-1', { attempt: 1, state: said, ...said })).status).toBe(200);
    await clock.advance(0);
    const { status, reason, detail, timestamps } = await get();
    expect({ status, reason, detail, timestamps }).toEqual({
      status: before.status,
      reason: before.reason,
      detail: before.detail,
      timestamps: before.timestamps,
    });
  });

  test('show a credential of its job', async () => {
    await submit({
      job_id: 'job-3',
      base_model: { provider: 'meta', model_name: 'm/m', huggingface_token: 'hf_abcdefgh1234' },
    });
    await clock.advance(20_000);
    const place = 's3://bucket/results/job-3/checkpoints';
    await bed.report('job-3', {
      attempt: 1,
      warnings: ['the hub refuses hf_abcdefgh1234', `see https://u:p@h/?k=1 \n${'x'.repeat(999)}`],
      checkpoints: [
        { step: 1, uri: `${place}/hf_abcdefgh1234` },
        { step: 2, uri: `${place}/checkpoint-2` },
      ],
    });
    await clock.advance(0);
    const { checkpoints, metadata } = await get('job-3');
    expect(checkpoints.map(({ step }: { step: number }) => step)).toEqual([2]);
    expect(metadata.warnings[0]).toBe('the hub refuses [redacted]');
    expect(metadata.warnings[1]).toMatch(/^see https:\/\/\[redacted\]@h\/\?\[redacted\] x+…$/);
    expect(metadata.warnings[1]).toHaveLength(500);
    expect(JSON.stringify(bed.readRecord('job-3').reported)).not.toContain('hf_abcdefgh1234');
  });

  test('name a checkpoint outside the output of its job', async () => {
    const uris = [
      's3://bucket/results/job-10/checkpoint-1',
      's3://bucket/results/job-1/../job-2/checkpoint-1',
      's3://elsewhere/results/job-1/checkpoint-1',
      'https://bucket/results/job-1/checkpoint-1',
    ];
    const checkpoints = uris.map((uri, index) => ({ step: index, uri }));
    expect((await bed.report('job-1', { attempt: 1, checkpoints })).status).toBe(200);
    await clock.advance(0);
    expect((await get()).checkpoints).toEqual([]);
  });

  test('be of an earlier attempt', async () => {
    await bed.report('job-1', { ...REPORT, attempt: 2 });
    await clock.advance(1000);
    const answer = await bed.report('job-1', { ...REPORT, attempt: 1, step: 7 });
    expect([answer.status, answer.body.code]).toEqual([409, 'REPORT_OUTDATED']);
    expect((await get()).progress.metrics.step).toBe(120);
  });

  test('be of a run that another one of the same count has followed', async () => {
    await bed.report('job-1', { ...REPORT, started_at: 100 });
    await clock.advance(1000);
    const metrics = [{ step: 1, time: 200, values: { loss: 3 } }];
    const next = { attempt: 1, started_at: 160.5, step: 1, metrics };
    expect((await bed.report('job-1', next)).status).toBe(200);
    await clock.advance(10_000);
    expect((await bed.report('job-1', { ...REPORT, started_at: 100 })).body).toMatchObject({
      code: 'REPORT_OUTDATED',
      detail: expect.stringContaining('attempt 2'),
    });
    expect((await bed.report('job-1', next)).status).toBe(200);
    expect((await get()).progress.metrics).toEqual({ step: 1, loss: 3 });
    const { body } = await bed.service.request('/train/job-1/metrics');
    expect(body).toMatchObject({ attempt: 2, series: { loss: { value: [3] } } });
  });

  test('reach the port of the API, nor the API the port of reports', async () => {
    const token = await bed.readToken('job-1');
    const headers = { authorization: `Bearer ${token}` };
    const there = await bed.service.post('/train/job-1/reports', REPORT, headers);
    expect(there.status).toBe(404);
    for (const path of ['/train/job-1', '/metrics', '/openapi.json', '/docs', '/readyz', '/']) {
      expect((await fetch(`${bed.service.reportsUrl}${path}`, { headers })).status).toBe(404);
    }
    expect((await fetch(`${bed.service.reportsUrl}/healthz`)).status).toBe(200);
  });

  test.each([
    ['a checkpoint', { checkpoints: [{ step: 1, uri: 's3://bucket/a', time: Date.now() }] }],
    ['a metric', { metrics: [{ step: 1, time: Date.now(), values: { loss: 1 } }] }],
    ['the start', { started_at: Date.now() }],
  ])('give the time of %s in milliseconds, which no answer could tell', async (_, said) => {
    const { status, text } = await bed.report('job-1', { attempt: 1, ...said });
    expect(status).toBe(400);
    expect(text).toContain('253402300799');
    expect((await bed.service.request('/train/job-1/events')).status).toBe(200);
  });

  test('bring metrics of odd names, or more than 256', async () => {
    const odd = { 'Loss!': 1, [`${'a'.repeat(65)}`]: 1, __proto__: 1, loss: 2 };
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`m${index}`, 1]));
    await bed.report('job-1', { attempt: 1, metrics: [{ step: 1, values: odd }] });
    await bed.report('job-1', { attempt: 1, metrics: [{ step: 1, values: many }] });
    const { metrics } = (await get()).progress;
    expect(Object.keys(metrics)).toHaveLength(32);
    expect(metrics).toMatchObject({ loss: 2, m0: 1 });
  });
});

describe('cancelling with a checkpoint', () => {
  const cancel = (query: string, jobId = 'job-1') =>
    bed.service.post(`/train/${jobId}/cancel${query}`);
  const isRunning = (jobId = 'job-1') => {
    const seen = bed.platform.runner.getCached(bed.readRecord(jobId).name);
    return seen?.exists === true;
  };

  test('ends the job at once, and its run when it had time to save', async () => {
    const answer = await cancel('?save=true');
    expect(answer.body).toMatchObject({
      status: 'cancelled',
      reason: 'CANCELLED_BY_REQUEST',
      detail: 'Job cancellation requested',
    });
    const { body } = await bed.report('job-1', { attempt: 1, step: 130 });
    expect(body.orders).toEqual([{ do: 'stop', save: true }]);
    await clock.advance(100_000);
    expect(isRunning()).toBe(true);
    await bed.report('job-1', REPORT);
    await clock.advance(0);
    expect((await get()).checkpoints).toMatchObject([{ step: 100 }]);
    await clock.advance(20_000);
    expect(isRunning()).toBe(false);
    // A process that outlives its run has nothing left to save.
    expect((await bed.report('job-1', { attempt: 1 })).body.orders).toEqual([
      { do: 'stop', save: false },
    ]);
    expect((await cancel('?save=true')).body.detail).toBe('Job already cancelled');
  });

  test('gives a run no time that has nothing to save, or was not asked to', async () => {
    await cancel('?save=false');
    expect(isRunning()).toBe(false);
    await submit({
      job_id: 'job-6',
      extra_parameters: { mock: { submitted_seconds: 1000 } },
    });
    await cancel('?save=true', 'job-6');
    expect(isRunning('job-6')).toBe(false);
    expect((await cancel('?save=perhaps', 'job-6')).status).toBe(400);
  });

  test('gives a run no time that takes no orders', async () => {
    await using quiet = await startReportBed({ clock, env: { TRAINER_REPORTS_URL: '' } });
    await quiet.service.post('/train', makeRequest(NEVER));
    await clock.advance(1000);
    await quiet.service.post('/train/job-1/cancel?save=true');
    const { name } = quiet.readRecord('job-1');
    expect(quiet.platform.runner.getCached(name)).toEqual({ exists: false });
  });
});

describe('a result', () => {
  const RESULT = {
    model_uri: 's3://elsewhere/model',
    method: 'lora',
    engine: 'trl',
    rows: 100,
    eval_loss: 0.4,
    files: { 'model/adapter.safetensors': 12 },
    comparison: {
      rows: 8,
      base_loss: 1,
      tuned_loss: 2,
      verdict: ['The tuned model is no better than its base.'],
      prompts: [{ prompt: 'Q', base: 'a', tuned: 'b' }],
    },
  };
  const model_uri = 's3://bucket/results/job-5/model';
  let receiver: Awaited<ReturnType<typeof startWebhookReceiver>>;

  beforeEach(async () => {
    receiver = await startWebhookReceiver();
    await submit({
      job_id: 'job-5',
      callbacks: { webhook_url: receiver.url },
      extra_parameters: { mock: { submitted_seconds: 0, running_seconds: 60 } },
    });
    await clock.advance(1000);
  });
  afterEach(() => receiver.close());

  /** A report whose answer waits for the write, which waits for the clock. */
  const send = async (report: object) => {
    let isAnswered = false;
    const answer = bed.report('job-5', { attempt: 1, ...report }).finally(() => {
      isAnswered = true;
    });
    while (!isAnswered) await clock.advance(0);
    return answer;
  };

  test('is kept before its report is answered, and goes with the end', async () => {
    await bed.report('job-5', { attempt: 1, phase: 'uploading' });
    await clock.advance(0);
    expect((await send({ result: RESULT })).status).toBe(200);
    expect(await get('job-5')).toMatchObject({ status: 'running', result: { model_uri } });
    const told = receiver.next(({ json }) => json.status === 'succeeded');
    await clock.advance(60_000);
    const { prompts: _prompts, ...comparison } = RESULT.comparison;
    const { files: _files, ...rest } = RESULT;
    const compact = { ...rest, model_uri, comparison };
    expect((await told).json).toMatchObject({
      result: compact,
      detail:
        'Training completed (simulated); the training says: The tuned model is no better than its base.',
    });
    expect(Buffer.byteLength(JSON.stringify((await told).json.result))).toBeLessThan(1024);
    expect((await get('job-5')).result).toEqual({ ...RESULT, model_uri });
    expect(bed.readRecord('job-5').result).toEqual(compact);
  });

  test('loses what is not as answers have it, and nothing else', async () => {
    const odd = { loss: 'n/a', eval_loss: null, rows: '100', comparison: 'better', steps: 7 };
    expect((await send({ result: { ...odd, extra: { seen: [1, null] } } })).status).toBe(200);
    expect(await get('job-5')).toMatchObject({
      status: 'running',
      result: { model_uri, steps: 7 },
    });
    const told = receiver.next(({ json }) => json.status === 'succeeded');
    await clock.advance(60_000);
    expect((await told).json.result).toEqual({ model_uri, steps: 7 });
    expect((await get('job-5')).result).toEqual({
      model_uri,
      steps: 7,
      extra: { seen: [1, null] },
    });
  });

  test('that an earlier version kept as it was said is shown without what is not fit', async () => {
    const { store } = bed.platform;
    const record = bed.readRecord('job-5');
    const said = { model_uri, loss: 'n/a' };
    await store.update(record, { result: said, attachments: { result: { ...said, rows: null } } });
    expect(await get('job-5')).toMatchObject({ status: 'running', result: { model_uri } });
    await clock.advance(60_000);
    expect(await get('job-5')).toMatchObject({ status: 'succeeded', result: { model_uri } });
  });

  test('that comes after the end changes nothing', async () => {
    await clock.advance(61_000);
    expect((await get('job-5')).status).toBe('succeeded');
    expect((await bed.report('job-5', { attempt: 1, result: RESULT })).status).toBe(200);
    await clock.advance(10_000);
    expect((await get('job-5')).result).toBeNull();
  });
});

test('callbacks tell the progress that was reported', async () => {
  const receiver = await startWebhookReceiver();
  await submit({ job_id: 'job-4', callbacks: { webhook_url: receiver.url } });
  await clock.advance(1000);
  await bed.report('job-4', { ...REPORT, checkpoints: [] });
  const told = receiver.next(({ json }) => String(json.log).includes('step 120'));
  await clock.advance(70_000);
  expect((await told).json.log).toMatch(/: step 120, 30 %, loss 0\.5, 15 min left$/);
  await receiver.close();
});

test('reports of all jobs together cause 20 writes a second at most', async () => {
  const ids = Array.from({ length: 30 }, (_, index) => `many-${index}`);
  for (const job_id of ids) await submit({ job_id });
  await clock.advance(20_000);
  const written = () => ids.filter((id) => bed.readRecord(id).reported !== undefined).length;
  await Promise.all(ids.map((id) => bed.report(id, { attempt: 1, phase: 'saving' })));
  await clock.advance(0);
  expect(written()).toBe(20);
  await clock.advance(1000);
  expect(written()).toBe(30);
});

test('without a port of their own there are no reports, and no job is told of any', async () => {
  await using quiet = await startReportBed({
    clock,
    env: { TRAINER_REPORTS_PORT: '', TRAINER_REPORTS_URL: '' },
  });
  await quiet.service.post('/train', makeRequest(NEVER));
  expect(quiet.service.reportsUrl).toBeUndefined();
  expect(quiet.readRecord('job-1').reportTokenHash).toBeUndefined();
});
