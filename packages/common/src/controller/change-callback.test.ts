import { describe, expect, it } from 'vitest';
import { makeRecord } from '../../test/make-record.ts';
import { type CallbackTarget, type JobRecord, NO_DELIVERY } from '../jobs/job.ts';
import { type CallbackPatch, toCallbackChange } from './change-callback.ts';

const NOW = 1_700_000_000_000;
const TARGET: CallbackTarget = {
  webhookUrl: 'https://old.test/hook',
  authHeader: 'Bearer old',
  eventFilter: ['running'],
};
const RUNNING = makeRecord({
  ...{ hasWebhook: true, webhookOrigin: 'https://old.test', webhookAuth: 'kept' },
  delivery: NO_DELIVERY,
});
const ENDED = {
  ...RUNNING,
  state: { ...RUNNING.state, status: 'failed' as const, endedAtMs: NOW - 1000 },
  delivery: { ...NO_DELIVERY, attemptCount: 3, nextAttemptAtMs: NOW + 3_600_000 },
};
const WITHOUT = makeRecord();
const change = (patch: CallbackPatch, record: JobRecord = RUNNING, target = TARGET) =>
  toCallbackChange(record, record.hasWebhook ? target : undefined, patch, NOW);
const targetOf = (patch: CallbackPatch) => change(patch)?.callback?.target;

describe('a stored auth_header', () => {
  it.each([
    'https://other.test/hook',
    'http://old.test/hook',
    'https://old.test:8443/hook',
    'https://old.test/hook/',
    'https://old.test/hook?to=https://evil.test',
    'https://old.test/Hook',
    'https://OLD.test/hook',
    'https://old.test./hook',
  ])('does not go to %s', (webhookUrl) => {
    expect(targetOf({ webhookUrl })).toEqual({ ...TARGET, webhookUrl, authHeader: undefined });
    expect(change({ webhookUrl })).toMatchObject({ webhookAuth: 'none', callbackRevision: 1 });
  });

  it('does not come back by way of another URL or of none', () => {
    const gone = targetOf({ webhookUrl: 'https://other.test/' });
    const back = toCallbackChange(RUNNING, gone, { webhookUrl: TARGET.webhookUrl }, NOW);
    expect(back?.callback?.target?.authHeader).toBeUndefined();
    const none = toCallbackChange(WITHOUT, undefined, { webhookUrl: TARGET.webhookUrl }, NOW);
    expect(none?.callback?.target?.authHeader).toBeUndefined();
  });

  it('stays where the URL stays, and is replaced or taken away by who says so', () => {
    expect(targetOf({ webhookUrl: TARGET.webhookUrl, eventFilter: null })).toEqual({
      ...TARGET,
      eventFilter: undefined,
    });
    expect(targetOf({ webhookUrl: 'https://x.test', authHeader: 'Bearer new' })).toMatchObject({
      authHeader: 'Bearer new',
    });
    expect(targetOf({ authHeader: null })).toEqual({ ...TARGET, authHeader: undefined });
  });
});

it('changes nothing where all is as wanted already', () => {
  expect(change({})).toBeUndefined();
  expect(change({ webhookUrl: TARGET.webhookUrl, eventFilter: ['running'] })).toBeUndefined();
});

it('sends a final event that is due to the new place at once', () => {
  const { delivery, callbackRevision } = change({ webhookUrl: 'https://new.test' }, ENDED) ?? {};
  expect(delivery).toEqual({ ...NO_DELIVERY, replayedAtMs: NOW });
  expect(callbackRevision).toBe(1);
  expect(change({ eventFilter: null }, ENDED)).not.toHaveProperty('delivery');
});

it('gives a job a webhook that had none, and takes it away', () => {
  expect(change({ webhookUrl: 'https://new.test/x' }, WITHOUT)).toMatchObject({
    ...{ hasWebhook: true, webhookOrigin: 'https://new.test', delivery: NO_DELIVERY },
  });
  expect(change({ webhookUrl: null })).toMatchObject({
    ...{ hasWebhook: false, webhookAuth: 'none', callback: { target: undefined } },
    delivery: { settled: 'unwanted' },
  });
  expect(() => change({ authHeader: 'Bearer x' }, WITHOUT)).toThrow('webhook_url is required');
  expect(() => change({ webhookUrl: null, authHeader: 'Bearer x' })).toThrow(
    'webhook_url is required',
  );
});

it.each(['delivered', 'gone', 'expired'] as const)(
  'refuses it once the final callback is %s',
  (settled) => {
    const settledRecord = { ...ENDED, delivery: { ...ENDED.delivery, settled } };
    expect(() => change({ webhookUrl: 'https://new.test' }, settledRecord)).toThrow('is settled');
  },
);

it.each(['delivered', 'expired'] as const)(
  'refuses it of a running job once it is %s',
  (settled) => {
    const settledRecord = { ...RUNNING, delivery: { ...NO_DELIVERY, settled } };
    expect(() => change({ webhookUrl: 'https://new.test' }, settledRecord)).toThrow('is settled');
  },
);

describe('after a 410 to an update', () => {
  const attempts = [
    { atMs: 1, durationMs: 1, status: 410, error: undefined, isUpdate: true as const },
  ];
  const gone = { ...NO_DELIVERY, attempts, settled: 'gone' as const };

  it('goes on elsewhere, or with another auth_header', () => {
    for (const patch of [{ webhookUrl: 'https://new.test' }, { authHeader: 'Bearer new' }]) {
      const { delivery } = change(patch, { ...RUNNING, delivery: gone }) ?? {};
      expect(delivery).toEqual({ ...NO_DELIVERY, attempts });
    }
  });

  it('sends an end that nobody was told of elsewhere at once', () => {
    const { delivery } =
      change({ webhookUrl: 'https://new.test' }, { ...ENDED, delivery: gone }) ?? {};
    expect(delivery).toEqual({ ...NO_DELIVERY, attempts, replayedAtMs: NOW });
  });

  it('has nothing to send to the same place, whatever it is to hear', () => {
    const record = { ...RUNNING, delivery: gone };
    expect(() => change({ eventFilter: null }, record)).toThrow('has answered 410');
    expect(change({}, record)).toBeUndefined();
  });
});

it('names what is another than before', () => {
  const changedBy = (patch: CallbackPatch) => change(patch)?.callback?.changed;
  expect(changedBy({ webhookUrl: 'https://new.test' })).toEqual(['webhook_url', 'auth_header']);
  expect(changedBy({ authHeader: 'Bearer new' })).toEqual(['auth_header']);
  expect(changedBy({ eventFilter: null })).toEqual(['event_filter']);
  expect(changedBy({ webhookUrl: null })).toEqual(['webhook_url', 'auth_header', 'event_filter']);
});

it('refuses it of a job that ended without a webhook, or whose record cannot be read', () => {
  const ended = { ...WITHOUT, state: ENDED.state };
  expect(() => change({ webhookUrl: 'https://new.test' }, ended)).toThrow('is settled');
  const damaged = { ...RUNNING, unreadable: ['delivery'] };
  expect(() => change({ webhookUrl: 'https://new.test' }, damaged)).toThrow('cannot be read');
});
