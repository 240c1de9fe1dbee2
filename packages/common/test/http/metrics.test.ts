import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MetricsReader } from '../../src/reports/metrics-reader.ts';
import { FakeClock } from '../fake-clock.ts';
import { FakeRunner } from '../fake-runner.ts';
import { type ReportBed, startReportBed } from '../report-bed.ts';
import { makeRequest, startTestService } from '../start-test-service.ts';

const MINUTE_MS = 60_000;
const mock = { submitted_seconds: 0, outcome: 'never' };
const NEVER = { extra_parameters: { mock } };

let clock: FakeClock;
let bed: ReportBed;

/** As many reports as it takes, each with what was measured at so many steps. */
async function reportSteps(
  steps: readonly number[],
  measure: (step: number) => object,
  rest = {},
  count = 500,
) {
  for (let at = 0; at < steps.length; at += count) {
    const metrics = steps.slice(at, at + count).map((step) => {
      return { step, time: 1_700_000_000 + step, values: measure(step) };
    });
    await clock.advance(1000);
    const answer = await bed.report('job-1', { attempt: 1, max_steps: 5000, metrics, ...rest });
    expect(answer.status).toBe(200);
  }
}
const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);
const get = (query = '', jobId = 'job-1') =>
  bed.service.request(`/train/${jobId}/metrics${query}`).then(({ body }) => body);
const readKept = () => bed.platform.store.readAttachment(bed.readRecord('job-1'), 'metrics');
/** What another replica answers, or this process after a restart. */
const readElsewhere = () =>
  new MetricsReader({
    store: bed.platform.store,
    runner: new FakeRunner(),
    reportedTo: () => undefined,
  }).read(bed.readRecord('job-1'));

beforeEach(async () => {
  clock = new FakeClock();
  bed = await startReportBed({ clock });
  await bed.service.post('/train', makeRequest(NEVER));
  await clock.advance(1000);
});
afterEach(() => bed.service.close());

describe('what a training reports', () => {
  test('is shown with steps of its own for each metric; NaN is null and counted', async () => {
    await reportSteps([1, 2, 3], (step) => ({
      loss: step === 2 ? null : 3 / step,
      ...(step === 3 && { eval_loss: 2 }),
    }));
    expect(await get()).toEqual({
      job_id: 'job-1',
      attempt: 1,
      max_steps: 5000,
      series: {
        loss: {
          step: [1, 2, 3],
          time: [1_700_000_001, 1_700_000_002, 1_700_000_003],
          value: [3, null, 1],
        },
        eval_loss: { step: [3], time: [1_700_000_003], value: [2] },
      },
      downsampled: null,
      non_finite: { loss: 1 },
    });
  });

  test('has the time of its report where it names none', async () => {
    const metrics = [{ step: 1, values: { loss: 1 } }];
    await bed.report('job-1', { attempt: 1, metrics });
    expect((await get()).series.loss.time).toEqual([clock.now() / 1000]);
  });

  test('is cut to the names, the steps and the number of points that are asked for', async () => {
    await reportSteps(range(1, 400), (step) => ({ loss: 1, grad_norm: step === 333 ? 99 : 1 }));
    expect((await get()).downsampled).toBeNull();
    expect(Object.keys((await get('?name=loss')).series)).toEqual(['loss']);
    expect(Object.keys((await get('?name=loss&name=grad_norm&name=no')).series)).toHaveLength(2);
    expect((await get('?from_step=399')).series.loss.step).toEqual([399, 400]);
    expect((await get('?from_step=401')).series).toEqual({});
    const few = await get('?max_points=20');
    expect(few.downsampled).toBe('minmax');
    expect(few.series.loss.step.length).toBeLessThanOrEqual(20);
    expect(few.series.grad_norm.value).toContain(99);
    for (const query of ['max_points=3', 'max_points=513', 'from_step=-1', 'from_step=x']) {
      expect((await bed.service.request(`/train/job-1/metrics?${query}`)).status).toBe(400);
    }
  });

  test('stays within 512 points a series, however long the training is', async () => {
    await reportSteps(range(1, 5000), (step) => ({ loss: step === 2222 ? 50 : 1 }));
    const { series, downsampled } = await get('?max_points=512');
    expect(downsampled).toBe('minmax');
    expect(series.loss.step.length).toBeLessThanOrEqual(512);
    expect(series.loss.step.length).toBeGreaterThan(200);
    expect([series.loss.step.at(0), series.loss.step.at(-1)]).toEqual([1, 5000]);
    expect(series.loss.value).toContain(50);
  });

  test('begins anew with another attempt', async () => {
    await reportSteps([1, 2], () => ({ loss: 9 }));
    await reportSteps([1], () => ({ loss: 3 }), { attempt: 2 });
    expect(await get()).toMatchObject({ attempt: 2, series: { loss: { step: [1], value: [3] } } });
  });

  test('is nothing of an odd name, and of 256 names at most', async () => {
    await reportSteps([1], () => ({ 'Loss!': 1, [`${'a'.repeat(65)}`]: 1, loss: 2 }));
    const many = Object.fromEntries(range(1, 300).map((index) => [`m${index}`, 1]));
    await reportSteps([2], () => many);
    expect(Object.keys((await get()).series)).toHaveLength(256);
    expect((await get()).series).not.toHaveProperty('Loss!');
  });
});

describe('what a training has reported', () => {
  test('is known to other replicas after five minutes, with 64 points a series', async () => {
    await reportSteps(range(1, 1000), (step) => ({ loss: step === 444 ? 7 : 1 / step }));
    await clock.advance(4 * MINUTE_MS);
    expect(await readKept()).toBeUndefined();
    await clock.advance(MINUTE_MS);
    const { series, maxSteps } = await readElsewhere();
    expect(maxSteps).toBe(5000);
    const { step = [], value = [] } = series.get('loss') ?? {};
    expect(step.length).toBeLessThanOrEqual(64);
    expect([step.at(0), step.at(-1)]).toEqual([1, 1000]);
    expect(value).toContain(7);
    // Nothing is written again while nothing is new.
    const { version } = bed.readRecord('job-1');
    await clock.advance(20 * MINUTE_MS);
    expect(bed.readRecord('job-1').version).toBe(version);
  });

  test('is kept with the end of its job, and what comes after that, too', async () => {
    await reportSteps([1, 2], () => ({ loss: 2 }));
    await bed.service.post('/train/job-1/cancel?save=true');
    await clock.advance(6000);
    expect((await readElsewhere()).series.get('loss')?.step).toEqual([1, 2]);
    await reportSteps([3], () => ({ loss: 1 }));
    await clock.advance(6000);
    expect((await readElsewhere()).series.get('loss')?.step).toEqual([1, 2, 3]);
    expect((await get()).series.loss.step).toEqual([1, 2, 3]);
  });

  test('is kept when the service is closed', async () => {
    await reportSteps([1, 2], () => ({ loss: 2 }));
    await bed.service.close();
    expect(await readKept()).toMatchObject({ series: { loss: { step: [1, 2] } } });
  });

  test('is one curve of what its record and this replica know', async () => {
    const store = bed.platform.store;
    const metrics = { attempt: 1, max_steps: 9, non_finite: { loss: 2 } };
    const loss = { step: [1, 2], time: [1, 2], value: [null, 4] };
    const attachments = { metrics: { ...metrics, series: { loss } } };
    await store.update(bed.readRecord('job-1'), { attachments });
    await reportSteps([2, 3], () => ({ loss: 3 }));
    const expected = { step: [1, 2, 3], value: [null, 3, 3] };
    expect(await get()).toMatchObject({ series: { loss: expected }, non_finite: { loss: 2 } });
    await clock.advance(5 * MINUTE_MS);
    expect(await readKept()).toMatchObject({ series: { loss: expected } });
  });

  test('takes 16 KiB of the record at most, the loss before all else', async () => {
    const names = range(1, 250).map((index) => `${'n'.repeat(50)}${index}`);
    const measure = (step: number) =>
      Object.fromEntries([...names, 'loss'].map((name) => [name, step / 3]));
    await reportSteps(range(1, 20), measure, {}, 2);
    await clock.advance(5 * MINUTE_MS);
    const kept = await readKept();
    expect(JSON.stringify(kept).length).toBeLessThanOrEqual(16 * 1024);
    const { series } = kept as { series: Record<string, { step: number[] }> };
    expect(Object.keys(series).length).toBeGreaterThan(10);
    expect(series.loss?.step.at(-1)).toBe(20);
  });

  test('keeps no name that holds a credential of its job', async () => {
    const base_model = { provider: 'meta', model_name: 'm/m', auth_token: 'abcdefgh-1234-secret' };
    await bed.service.post('/train', makeRequest({ ...NEVER, job_id: 'job-2', base_model }));
    const values = { loss: 1, 'abcdefgh-1234-secret': 2 };
    await bed.report('job-2', { attempt: 1, metrics: [{ step: 1, values }] });
    await clock.advance(5 * MINUTE_MS);
    const kept = await bed.platform.store.readAttachment(bed.readRecord('job-2'), 'metrics');
    expect(kept).toMatchObject({ series: { loss: { value: [1] } } });
    expect(JSON.stringify(kept)).not.toContain('secret');
  });

  test('is written twenty times a second at most, however many jobs end at once', async () => {
    const ids = range(1, 30).map((index) => `many-${index}`);
    for (const job_id of ids) await bed.service.post('/train', makeRequest({ ...NEVER, job_id }));
    await clock.advance(1000);
    const metrics = [{ step: 1, values: { loss: 1 } }];
    for (const jobId of ids) await bed.report(jobId, { attempt: 1, metrics });
    for (const jobId of ids) await bed.service.post(`/train/${jobId}/cancel`);
    const countKept = async () => {
      const kept = await Promise.all(
        ids.map((id) => bed.platform.store.readAttachment(bed.readRecord(id), 'metrics')),
      );
      return kept.filter((one) => one !== undefined).length;
    };
    await clock.advance(999);
    expect(await countKept()).toBe(20);
    await clock.advance(1000);
    expect(await countKept()).toBe(30);
  });
});

describe('a job that nothing was reported of', () => {
  test('has no series', async () => {
    const waiting = { extra_parameters: { mock: { submitted_seconds: 1000 } } };
    await bed.service.post('/train', makeRequest({ ...waiting, job_id: 'job-2' }));
    expect(await get('', 'job-2')).toEqual({
      job_id: 'job-2',
      attempt: 1,
      max_steps: 200,
      series: {},
      downsampled: null,
      non_finite: {},
    });
    expect((await bed.service.request('/train/none/metrics')).status).toBe(404);
  });

  test('has those that the mock makes up, in step with its progress', async () => {
    await using plain = await startTestService({ clock });
    const script = { extra_parameters: { mock: { submitted_seconds: 0, running_seconds: 100 } } };
    await plain.post('/train', makeRequest(script));
    await clock.advance(50_000);
    const { progress } = (await plain.request('/train/job-1')).body;
    const { body } = await plain.request('/train/job-1/metrics');
    expect(body.max_steps).toBe(200);
    expect(body.series.loss.step.at(-1)).toBe(100);
    expect(body.series.loss.value.at(-1)).toBe(progress.metrics.loss);
    expect(body.series.eval_loss.step).toEqual([20, 40, 60, 80, 100]);
    expect(Object.keys(body.series)).toEqual(['loss', 'eval_loss', 'learning_rate', 'grad_norm']);
    await plain.post('/train/job-1/cancel');
    await clock.advance(10_000);
    expect((await plain.request('/train/job-1/metrics')).body).toEqual(body);
  });
});
