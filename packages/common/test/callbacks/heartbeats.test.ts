import { expect, it } from 'vitest';
import { type CallbackFixture, startCallbackFixture } from './callback-fixture.ts';

const INTERVAL_MS = 10_000;
const env = { TRAINER_CALLBACK_INTERVAL_SECONDS: '10' };

async function startRunning(fixture: CallbackFixture, mock: object): Promise<void> {
  await fixture.submit({ mock: { submitted_seconds: 0, ...mock } });
  await fixture.receiver.next(({ json }) => json.status === 'running');
}

it('come at least every interval, each an event of its own with the progress of its time', async () => {
  await using fixture = await startCallbackFixture(env);
  await startRunning(fixture, { running_seconds: 100 });
  for (let beat = 1; beat <= 5; beat += 1) {
    await fixture.untilAttempts('delivered', fixture.receiver.requests.length);
    await fixture.clock.advance(INTERVAL_MS);
    await fixture.receiver.next();
  }
  const beats = fixture.receiver.requests.filter(({ json }) => json.status === 'running');
  const times = beats.map(({ json }) => Number(json.timestamp) * 1000);
  for (const [index, time] of times.slice(1).entries()) {
    const gap = time - (times[index] ?? 0);
    expect(gap).toBeLessThanOrEqual(INTERVAL_MS);
    expect(gap).toBeGreaterThanOrEqual(INTERVAL_MS * 0.9);
  }
  expect(new Set(beats.map(({ headers }) => headers['webhook-id'])).size).toBe(beats.length);
  const progress = beats.map(({ json }) => (json.progress as { percentage: number }).percentage);
  expect(progress).toEqual([...progress].sort((a, b) => a - b));
  expect(progress.at(-1)).toBeGreaterThanOrEqual(45);
  const sequences = beats.map(({ json }) => Number(json.sequence));
  expect(sequences).toEqual([...new Set(sequences)].sort((a, b) => a - b));
});

it('also come while a job waits', async () => {
  await using fixture = await startCallbackFixture(env);
  await fixture.submit({ mock: { submitted_seconds: 3600 } });
  for (let beat = 0; beat < 3; beat += 1) {
    const { json } = await fixture.receiver.next();
    expect(json.status).toBe('submitted');
    await fixture.untilAttempts('delivered', fixture.receiver.requests.length);
    await fixture.clock.advance(INTERVAL_MS);
  }
});

it('do not come for a status that the filter leaves out', async () => {
  await using fixture = await startCallbackFixture(env);
  await fixture.submit({ callbacks: { event_filter: ['submitted'] }, mock: { outcome: 'never' } });
  await fixture.receiver.next();
  await fixture.untilAttempts('delivered', 1);
  await fixture.clock.advance(1000 + 5 * INTERVAL_MS);
  await fixture.service.post('/train/job-1/cancel');
  await fixture.receiver.next(({ json }) => json.status === 'cancelled');
  expect(fixture.receiver.requests).toHaveLength(2);
});

it('are dropped when answered 4xx, and the next one comes as if nothing had been', async () => {
  await using fixture = await startCallbackFixture(env);
  fixture.receiver.respondWith(400);
  await startRunning(fixture, { outcome: 'never' });
  const sent = fixture.receiver.requests.length;
  await fixture.untilAttempts('drop', sent);
  await fixture.clock.advance(INTERVAL_MS * 0.8);
  expect(fixture.receiver.requests).toHaveLength(sent);
  await fixture.clock.advance(INTERVAL_MS * 0.2);
  const { headers } = await fixture.receiver.next();
  expect(headers['webhook-id']).not.toBe(
    fixture.receiver.requests[sent - 1]?.headers['webhook-id'],
  );
});

it('end for good with a 410, and so does the final callback', async () => {
  await using fixture = await startCallbackFixture(env);
  await startRunning(fixture, { running_seconds: 100 });
  await fixture.untilAttempts('delivered', fixture.receiver.requests.length);
  fixture.receiver.respondWith(410);
  await fixture.clock.advance(INTERVAL_MS);
  await fixture.receiver.next();
  const gone = await fixture.deliveriesUntil(({ outcome }) => outcome === 'gone');
  expect(gone).toMatchObject({ attempt_count: 0, attempts: [{ status: 410, event: 'update' }] });
  const sent = fixture.receiver.requests.length;
  await fixture.clock.advance(200_000);
  await fixture.service.getUntil('job-1', ({ status }) => status === 'succeeded');
  await fixture.clock.advance(86_400_000);
  expect(fixture.receiver.requests).toHaveLength(sent);
});

it('are silent after the end was delivered', async () => {
  await using fixture = await startCallbackFixture(env);
  await startRunning(fixture, { running_seconds: 5 });
  await fixture.clock.advance(5000);
  await fixture.receiver.next(({ json }) => json.status === 'succeeded');
  await fixture.deliveriesUntil(({ outcome }) => outcome === 'delivered');
  const sent = fixture.receiver.requests.length;
  await fixture.clock.advance(20 * INTERVAL_MS);
  expect(fixture.receiver.requests).toHaveLength(sent);
  const ends = fixture.receiver.requests.filter(({ json }) => json.status === 'succeeded');
  expect(ends).toHaveLength(1);
});
