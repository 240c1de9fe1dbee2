import { describe, expect, it } from 'vitest';
import { type AcceptedJob, lastPlaces, mayBeDropped, type Place } from './job.ts';
import type { AskedEvent } from './record-audit.ts';
import {
  findWrongHistory,
  type HeardAt,
  isMisdirected,
  isToldOfLater,
  SEEN_LATE_MS,
} from './steering-verdict.ts';

const place = (address: string | undefined, heldAtMs?: number): Place => {
  return { address, behaviour: 'well', authorization: undefined, heldAtMs };
};
const makeJob = (changes: Partial<AcceptedJob> = {}): AcceptedJob => {
  const places = [place('a', 0), place('b', 1000)];
  return {
    ...{ id: 'job', name: 'job-1', plan: 'never', places },
    ...{ cancel: undefined, forgetting: undefined },
    ...changes,
  };
};

/** What came to one address alone: an end, so late. */
const heard = (
  at: string,
  atMs: number,
  authorization: string | undefined = undefined,
): HeardAt => {
  const end = { status: 'cancelled', reason: '', webhookId: '1', body: '', answer: 200, atMs };
  const [ends, authorizations] = [[end], new Set([authorization])];
  return {
    endsAt: (...addresses) => (addresses.includes(at) ? ends : []),
    heardAt: (address) =>
      address === at
        ? { ends, cutOffsMs: [], authorizations, lastAtMs: atMs, lastStatus: 'cancelled' }
        : undefined,
  };
};
const findMisdirected = (job: AcceptedJob, receivers: HeardAt) =>
  job.places.some((each) => isMisdirected(job, each, receivers));

describe('where an end goes', () => {
  it('may be the place that was just left, as what was on its way', () => {
    expect(findMisdirected(makeJob(), heard('a', 1000 + SEEN_LATE_MS))).toBe(false);
    expect(findMisdirected(makeJob(), heard('a', 1001 + SEEN_LATE_MS))).toBe(true);
  });

  it('may be the old place for as long as nobody knows whether it was left', () => {
    const job = makeJob({ places: [place('a', 0), place('b')] });
    expect(findMisdirected(job, heard('a', 1_000_000))).toBe(false);
    expect(lastPlaces(job).map(({ address }) => address)).toEqual(['a', 'b']);
    expect(lastPlaces(makeJob()).map(({ address }) => address)).toEqual(['b']);
  });

  it('is nowhere once that was asked for', () => {
    const job = makeJob({ places: [place('a', 0), place(undefined, 1000)] });
    expect(findMisdirected(job, heard('a', 1001 + SEEN_LATE_MS))).toBe(true);
  });

  it('gets no auth_header but its own', () => {
    expect(findMisdirected(makeJob(), heard('b', 1000, 'Bearer chaos'))).toBe(true);
    expect(findMisdirected(makeJob(), heard('b', 1000))).toBe(false);
  });
});

it('lets nobody be told of a job that was forgotten', () => {
  const forgetting = { isForced: false, mayBeDone: false, acknowledgedAtMs: 5000 };
  expect(isToldOfLater(makeJob({ forgetting }), heard('b', 5000 + SEEN_LATE_MS))).toBe(false);
  expect(isToldOfLater(makeJob({ forgetting }), heard('b', 5001 + SEEN_LATE_MS))).toBe(true);
  expect(isToldOfLater(makeJob(), heard('b', 1_000_000))).toBe(false);
});

it.each([
  [undefined, false],
  [{ isForced: false, mayBeDone: true, acknowledgedAtMs: 1 }, false],
  [{ isForced: true, mayBeDone: false, acknowledgedAtMs: undefined }, false],
  [{ isForced: true, mayBeDone: true, acknowledgedAtMs: undefined }, true],
  [{ isForced: true, mayBeDone: false, acknowledgedAtMs: 1 }, true],
])('lets an end be given up by a forced DELETE alone: %j', (forgetting, isDropped) => {
  expect(mayBeDropped(makeJob({ forgetting }))).toBe(isDropped);
});

describe('a history', () => {
  const CHANGE: AskedEvent = { type: 'job.callbacks', status: undefined };
  const CANCEL: AskedEvent = { type: 'job.state', status: 'cancelled' };
  const cancelled = makeJob({ cancel: { answeredWith: 'cancelled' } });
  it.each<[string, AcceptedJob, AskedEvent[], string | undefined]>([
    ['tells of each change', makeJob(), [CHANGE], undefined],
    ['lost a change', makeJob(), [], '0 changes of callbacks told, of 1 to 1'],
    ['tells twice', makeJob(), [CHANGE, CHANGE], '2 changes of callbacks told, of 1 to 1'],
    ['tells of a cancel', cancelled, [CHANGE, CANCEL], undefined],
    ['lost a cancel', cancelled, [CHANGE], '0 cancels told'],
    ['tells of two cancels', cancelled, [CHANGE, CANCEL, CANCEL], '2 cancels told'],
    ['tells of a cancel that nobody asked for', makeJob(), [CHANGE, CANCEL], '1 cancels told'],
  ])('%s', (_, job, asked, wrong) => {
    expect(findWrongHistory(job, asked, false)).toBe(wrong);
  });

  it('may have no cancel where somebody deleted the run before', () => {
    expect(findWrongHistory(cancelled, [CHANGE], true)).toBeUndefined();
  });
});
