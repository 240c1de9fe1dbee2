import { describe, expect, it } from 'vitest';
import { makeRecord } from '../../test/make-record.ts';
import type { JobState } from '../jobs/job.ts';
import type { JobView } from '../jobs/observation.ts';
import { CallbackEventSchema } from '../requests/training-response.ts';
import { encodeFinalEvent, encodeUpdateEvent, FINAL_SEQUENCE } from './event.ts';

const NOW = Date.UTC(2026, 0, 1, 12);
const RECORD = makeRecord({ id: 'job-1', hasWebhook: true });
const PROGRESS = { percentage: 40, estimated_remaining_seconds: 5, metrics: { loss: 1.5 } };

function makeView(
  state: Partial<JobState> = {},
  progress: JobView['progress'] = PROGRESS,
): JobView {
  const running = { status: 'running', reason: 'RUNNING', detail: 'It runs' } as const;
  return { record: RECORD, state: { ...RECORD.state, ...running, ...state }, progress };
}
const END = makeView({
  status: 'succeeded',
  reason: 'COMPLETED',
  endedAtMs: NOW,
  observedAtMs: NOW,
});

/** The event of a view, as a process would send it. */
function encodeEvent(view: JobView, sequence: number, nowMs: number, processId = 'p1') {
  if (view.state.endedAtMs !== undefined) {
    return encodeFinalEvent({ ...view.record, state: view.state });
  }
  return encodeUpdateEvent(view, { sequence, processId, nowMs, submittedAs: 'submitted' });
}

describe('an event', () => {
  it('tells a state with its progress, at the time of telling', () => {
    const { body } = encodeEvent(makeView(), 7, NOW + 250);
    const event = JSON.parse(body);
    expect(CallbackEventSchema.parse(event)).toEqual(event);
    expect(event).toMatchObject({
      job_id: 'job-1',
      backend_job_id: RECORD.name,
      status: 'running',
      detail: 'It runs',
      log: 'It runs: 40 %, loss 1.5, 5 s left',
      progress: PROGRESS,
      sequence: 7,
      timestamp: NOW / 1000 + 0.25,
    });
    expect(event).not.toHaveProperty('metadata');
  });

  it('gives each event of a job an id of its own, and two jobs different ones', () => {
    const view = makeView();
    const other = { ...makeView(), record: makeRecord({ id: 'job-1' }) };
    const ids = [
      encodeEvent(view, 1, NOW),
      encodeEvent(view, 2, NOW),
      encodeEvent(other, 1, NOW),
      encodeEvent(END, 1, NOW),
    ].map(({ id }) => id);
    expect(new Set(ids).size).toBe(4);
    expect(ids).toEqual([
      `msg_${view.record.uid}_1_p1`,
      `msg_${view.record.uid}_2_p1`,
      `msg_${other.record.uid}_1_p1`,
      `msg_${END.record.uid}_${END.state.status}`,
    ]);
    for (const id of ids) expect(id).toMatch(/^msg_[\w-]+$/);
  });

  it('has another id from another process, though its number is the same', () => {
    const [one, two] = ['p1', 'p2'].map((id) => encodeEvent(makeView(), 1, NOW, id).id);
    expect(one).not.toBe(two);
  });

  it('tells what waits as the operator wants, and nothing else so', () => {
    const statuses = (['submitted', 'running'] as const).map((status) => {
      const options = { sequence: 1, processId: 'p1', nowMs: NOW, submittedAs: 'queued' } as const;
      return JSON.parse(encodeUpdateEvent(makeView({ status }), options).body).status;
    });
    expect(statuses).toEqual(['queued', 'running']);
  });

  it('gives an end the same bytes and id, whoever builds it and when', () => {
    const early = encodeEvent(END, 1, NOW);
    const late = encodeEvent({ ...END, progress: undefined }, 99, NOW + 86_400_000);
    expect(late).toEqual(early);
    expect(JSON.parse(early.body)).toMatchObject({
      timestamp: NOW / 1000,
      sequence: FINAL_SEQUENCE,
      progress: null,
    });
  });

  it('keeps below 8 KiB, whatever the trainer reports', () => {
    const names = Array.from({ length: 500 }, (_, n) => [`metric-${n}-with-a-long-name`, n]);
    const progress = { ...PROGRESS, metrics: Object.fromEntries(names) };
    const detail = '\u0001'.repeat(100_000);
    const { body } = encodeEvent(makeView({ detail }, progress), 1, NOW);
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(8 * 1024);
    expect(JSON.parse(body)).toMatchObject({ progress: null, detail: '\u0001'.repeat(500) });

    const long = encodeEvent(makeView({ detail: 'x'.repeat(5000) }), 1, NOW);
    const longEvent = JSON.parse(long.body);
    expect(longEvent).toMatchObject({ progress: PROGRESS, detail: 'x'.repeat(1000) });
    expect(longEvent.log).toBe(`${longEvent.detail}: 40 %, loss 1.5, 5 s left`);
    expect([long.kind, encodeEvent(END, 1, NOW).kind]).toEqual(['update', 'final']);

    // The progress goes first, so that the sentence stays.
    const both = JSON.parse(
      encodeEvent(makeView({ detail: 'x'.repeat(900) }, progress), 1, NOW).body,
    );
    expect(both).toMatchObject({ progress: null, detail: 'x'.repeat(900) });
    const end = { ...END, state: { ...END.state, detail: 'x'.repeat(5000) } };
    expect(JSON.parse(encodeEvent(end, 1, NOW).body).detail).toBe('x'.repeat(1000));
  });
});

/** What the first release (03f9e5d) sends for the record below: an upgrade may come between attempts. */
const FIRST_RELEASE = {
  id: 'msg_2f4c8a16-93d5-4b1e-8a07-5d1e9c3b7f60_failed',
  body: String.raw`{"job_id":"job-1","backend_job_id":"test-job-1-abc","status":"failed","reason":"OUT_OF_MEMORY","detail":"Killed for its memory: \"é\"","progress":null,"timestamps":{"created_at":"2026-01-01T00:00:00.000Z","updated_at":"2026-01-01T00:00:05.250Z","started_at":"2026-01-01T00:00:01.000Z","ended_at":"2026-01-01T00:00:05.000Z"},"log":"Killed for its memory: \"é\"","timestamp":1767225605.25,"sequence":9007199254740991}`,
};

it('tells an end under the same id and with the same bytes as the first release', () => {
  const startMs = Date.UTC(2026, 0, 1);
  const record = makeRecord({
    ...{ id: 'job-1', name: 'test-job-1-abc', uid: '2f4c8a16-93d5-4b1e-8a07-5d1e9c3b7f60' },
    createdAtMs: startMs,
    state: {
      ...{ status: 'failed', reason: 'OUT_OF_MEMORY', detail: 'Killed for its memory: "é"' },
      ...{ observedAtMs: startMs + 5250, startedAtMs: startMs + 1000, endedAtMs: startMs + 5000 },
    },
  });
  expect(encodeFinalEvent(record)).toEqual({ kind: 'final', ...FIRST_RELEASE });
});
