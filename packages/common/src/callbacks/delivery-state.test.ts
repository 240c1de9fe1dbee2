import { describe, expect, it } from 'vitest';
import { makeRecord } from '../../test/make-record.ts';
import { NO_DELIVERY } from '../jobs/job.ts';
import { DeliveryState } from './delivery-state.ts';

const RECORD = makeRecord({ webhookOrigin: 'https://hook.test', delivery: NO_DELIVERY });
const UPDATE = { kind: 'update', id: 'msg_1', body: '{}' } as const;

/** One that is trying to tell `RECORD`, and failed with it twice. */
function makeBusy(): DeliveryState {
  const state = new DeliveryState(RECORD);
  state.startUpdate({ record: RECORD, state: RECORD.state }, UPDATE, 60_000);
  state.failuresInRow = 2;
  return state;
}

describe('a state', () => {
  it('begins with what its record says, and nothing to send', () => {
    const state = new DeliveryState(RECORD);
    expect(state).toMatchObject({
      ...{ recordUid: RECORD.uid, origin: 'https://hook.test', isNew: true },
      ...{ update: undefined, cutOffAtMs: undefined, repeatAtMs: undefined },
    });
    expect(new DeliveryState(makeRecord()).origin).toBe('');
  });

  it('takes each news once', () => {
    const state = new DeliveryState(RECORD);
    expect(state.offer(RECORD)).toBe(true);
    expect(state.isNew).toBe(false);
    expect(state.offer({ ...RECORD, version: '2' })).toBe(false);
    const detail = { ...RECORD, state: { ...RECORD.state, detail: 'Another sentence' } };
    expect(state.offer(detail)).toBe(false);
  });

  it.each([
    ['a new status', { state: { ...RECORD.state, status: 'running' as const } }],
    ['a new reason', { state: { ...RECORD.state, reason: 'QUEUED' as const } }],
    ['a replay', { delivery: { ...NO_DELIVERY, replayedAtMs: 5 } }],
  ])('takes %s for news, and drops the update before it', (_, change) => {
    const state = makeBusy();
    const record = { ...RECORD, ...change };
    expect(state.offer(record)).toBe(true);
    expect(state).toMatchObject({ update: undefined, failuresInRow: 0 });
    expect(state.offer(record)).toBe(false);
  });

  it('takes what an update tells for told', () => {
    const state = makeBusy();
    expect(state).toMatchObject({ update: UPDATE, nextHeartbeatAtMs: 60_000, isNew: false });
    expect(state.offer(RECORD)).toBe(false);
    expect(state).toMatchObject({ update: UPDATE, failuresInRow: 2 });
  });

  it('takes a state for told that its update told before the record did', () => {
    const state = new DeliveryState(RECORD);
    const running = { ...RECORD.state, status: 'running', reason: 'RUNNING' } as const;
    state.startUpdate({ record: RECORD, state: running }, UPDATE, 60_000);
    expect(state.offer({ ...RECORD, state: running })).toBe(false);
    expect(state.update).toBe(UPDATE);
  });

  it('begins anew after another leader, which may have been cut off', () => {
    const state = makeBusy();
    state.inherit(1000);
    expect(state).toMatchObject({ update: undefined, failuresInRow: 0, isNew: true });
    expect(state.repeatAtMs).toBe(16_000);
    expect(state.offer(RECORD)).toBe(true);
  });
});
