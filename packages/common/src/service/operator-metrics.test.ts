import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { FakeClock } from '../../test/fake-clock.ts';
import { makeRecord } from '../../test/make-record.ts';
import { type JobRecord, type KeptDelivery, NO_DELIVERY } from '../jobs/job.ts';
import { registerOperatorMetrics } from './operator-metrics.ts';

const clock = new FakeClock();
const NOW = clock.now();

async function scrape(records: readonly JobRecord[]): Promise<Map<string, number>> {
  const registry = new Registry();
  registerOperatorMetrics(registry, {
    ...{ records: () => records, clock },
    reconcileQueueLength: () => 3,
    callbackQueueLength: () => 4,
  });
  const lines = (await registry.metrics()).split('\n').filter((line) => /^[a-z]/.test(line));
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(' ');
      return [line.slice(0, end), Number(line.slice(end))];
    }),
  );
}

const ended = (ageMs: number, delivery: Partial<KeptDelivery>, webhookOrigin?: string) =>
  makeRecord({
    ...{ hasWebhook: true, webhookOrigin, delivery: { ...NO_DELIVERY, ...delivery } },
    state: {
      ...{ status: 'failed', reason: 'OUT_OF_MEMORY', detail: '' },
      ...{ observedAtMs: NOW - ageMs, startedAtMs: undefined, endedAtMs: NOW - ageMs },
    },
  });

it('counts jobs by status and reason, and final callbacks by what became of them', async () => {
  const running = makeRecord({ hasWebhook: true, delivery: NO_DELIVERY });
  const values = await scrape([
    makeRecord(),
    running,
    ended(5000, {}),
    ended(9000, { attemptCount: 1 }, 'https://a.test'),
    ended(8000, { attemptCount: 2 }, 'https://a.test'),
    ended(90_000, { attemptCount: 2, replayedAtMs: NOW - 1000 }, 'https://b.test'),
    ended(99_000, { settled: 'delivered' }),
    ended(99_000, { settled: 'expired', attemptCount: 9 }, 'https://c.test'),
    ended(99_000, { settled: 'gone' }),
  ]);
  expect(Object.fromEntries(values)).toMatchObject({
    'trainer_jobs_by_reason{status="submitted",reason="ACCEPTED"}': 2,
    'trainer_jobs_by_reason{status="failed",reason="OUT_OF_MEMORY"}': 7,
    'trainer_final_callbacks{state="pending"}': 4,
    'trainer_final_callbacks{state="delivered"}': 1,
    'trainer_final_callbacks{state="gone"}': 1,
    'trainer_final_callbacks{state="expired"}': 1,
    trainer_final_callback_oldest_pending_seconds: 9,
    trainer_callback_failing_origins: 2,
    trainer_reconcile_queue_length: 3,
    trainer_callback_queue_length: 4,
  });
  expect([...values.keys()].join()).not.toMatch(/https|a\.test/);
});

it('looks anew at every scrape', async () => {
  const records = [ended(0, {})];
  expect((await scrape(records)).get('trainer_final_callbacks{state="pending"}')).toBe(1);
  records.push(ended(0, {}));
  expect((await scrape(records)).get('trainer_final_callbacks{state="pending"}')).toBe(2);
});
