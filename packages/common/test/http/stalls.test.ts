import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeClock } from '../fake-clock.ts';
import { type ReportBed, startReportBed } from '../report-bed.ts';
import { makeRequest } from '../start-test-service.ts';

const NEVER = { extra_parameters: { mock: { submitted_seconds: 0, outcome: 'never' } } };
const SECOND = 1000;
const MINUTE = 60 * SECOND;

let clock: FakeClock;
let bed: ReportBed;
beforeEach(async () => {
  clock = new FakeClock();
  bed = await startReportBed({ clock });
  await bed.service.post('/train', makeRequest(NEVER));
  await clock.advance(20 * SECOND);
});
afterEach(() => bed.service.close());

const report = async (step: number, changes = {}) => {
  const answer = await bed.report('job-1', { attempt: 1, phase: 'training', step, ...changes });
  await clock.advance(0);
  return answer.body.orders;
};
const phase = async () => (await bed.service.request('/train/job-1')).body.phase;
const phases = async () =>
  ((await bed.service.request('/train/job-1/events')).body.data as Told[])
    .filter(({ type }) => type === 'job.phase')
    .map(({ data }) => [data.phase, data.owner ?? null]);
interface Told {
  readonly type: string;
  readonly data: Record<string, unknown>;
}
/** Reports of the same step, every half a minute. */
async function standStill(step: number, forMs: number) {
  const orders: unknown[] = [];
  for (let passedMs = 0; passedMs < forMs; passedMs += 30 * SECOND) {
    await clock.advance(30 * SECOND);
    orders.push(...(await report(step)));
  }
  return orders;
}

describe('a training that has reported', () => {
  test('is stalled once no report has come for five minutes, and goes on with the next', async () => {
    await report(1);
    await clock.advance(10 * SECOND);
    await report(2);
    await clock.advance(5 * MINUTE - SECOND);
    expect(await phase()).toBe('training');
    await clock.advance(SECOND);
    expect(await phase()).toBe('stalled');
    const metrics = (await bed.service.request('/metrics')).text;
    expect(metrics).toMatch(/^trainer_stalled_jobs\{owner="no reports",.*\} 1$/m);
    expect(await report(3)).toEqual([]);
    await clock.advance(5 * SECOND);
    expect(await phase()).toBe('training');
    expect(await phases()).toEqual([
      ['training', null],
      ['stalled', 'no reports'],
      ['training', null],
    ]);
  });

  test('is stalled once its reports tell of no step for as long, and is asked where, once', async () => {
    await report(1);
    await clock.advance(10 * SECOND);
    await report(2);
    expect(await standStill(2, 5 * MINUTE - 30 * SECOND)).toEqual([]);
    expect(await phase()).toBe('training');
    expect(await standStill(2, 10 * MINUTE)).toEqual([{ do: 'stacks' }]);
    expect(await phase()).toBe('stalled');
    await report(3);
    await clock.advance(5 * SECOND);
    expect(await phase()).toBe('training');
    expect(await standStill(3, 10 * MINUTE)).toEqual([{ do: 'stacks' }]);
  });

  test('may take ten of its usual steps, and six times as long for what is no step', async () => {
    for (let step = 1; step < 8; step += 1) {
      await report(step);
      await clock.advance(100 * SECOND);
    }
    await clock.advance(890 * SECOND);
    expect(await phase()).toBe('training');
    await clock.advance(20 * SECOND);
    expect(await phase()).toBe('stalled');
  });

  test.each(['evaluating', 'saving'])('may spend half an hour %s', async (slow) => {
    await report(1);
    await clock.advance(10 * SECOND);
    for (let passed = 0; passed < 29; passed += 1) {
      await report(2, { phase: slow });
      await clock.advance(MINUTE);
    }
    expect(await phase()).toBe(slow);
    for (let passed = 0; passed < 3; passed += 1) {
      await report(2, { phase: slow });
      await clock.advance(MINUTE);
    }
    expect(await phase()).toBe('stalled');
  });

  test.each(['downloading', 'uploading'])('may be %s for as long as it takes', async (moving) => {
    for (let passed = 0; passed < 120; passed += 1) {
      await report(0, { phase: moving });
      await clock.advance(MINUTE);
    }
    expect(await phase()).toBe(moving);
  });

  test('is not stalled when it has ended', async () => {
    await report(1);
    await bed.service.post('/train/job-1/cancel');
    await clock.advance(20 * MINUTE);
    expect(await phases()).toEqual([['training', null]]);
  });
});

test('a training that never reports is training, for all that is known', async () => {
  await clock.advance(60 * MINUTE);
  expect(await phase()).toBe('training');
});
