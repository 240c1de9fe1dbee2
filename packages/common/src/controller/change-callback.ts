import { toOrigin } from '../callbacks/origin-limiter.ts';
import type { Clock } from '../clock.ts';
import { errors } from '../errors.ts';
import { type CallbackTarget, isTerminal, type JobRecord, NO_DELIVERY } from '../jobs/job.ts';
import type { Actor } from '../jobs/job-event.ts';
import type { JobStore, RecordChange } from '../jobs/job-store.ts';
import { updateRecord } from '../jobs/update-record.ts';

/** A merge patch of where callbacks go: what is not there stays, null takes a part away. */
export type CallbackPatch = {
  readonly [Part in keyof CallbackTarget]?: CallbackTarget[Part] | null | undefined;
};

/** The parts of a target, as requests name them. */
const NAMES = {
  webhookUrl: 'webhook_url',
  authHeader: 'auth_header',
  eventFilter: 'event_filter',
} as const satisfies Record<keyof CallbackTarget, string>;
const PARTS = Object.keys(NAMES) as (keyof CallbackTarget)[];

/**
 * Changes where the callbacks of a job go; resolves with where that is then.
 * @throws TrainerError as `toCallbackChange` does; JOB_NOT_FOUND, CLUSTER_UNAVAILABLE
 */
export async function changeCallback(
  { store, clock }: { readonly store: JobStore; readonly clock: Clock },
  found: JobRecord,
  patch: CallbackPatch,
  by: Actor,
): Promise<{ readonly record: JobRecord; readonly target: CallbackTarget | undefined }> {
  let target: CallbackTarget | undefined;
  const record = await updateRecord(store, found, async (current) => {
    const payload = await store.readPayload(current);
    if (payload === undefined) throw errors.jobNotFound(found.id);
    const change = toCallbackChange(current, payload.callback, patch, clock.now());
    target = change === undefined ? payload.callback : change.callback?.target;
    return change && { ...change, by, atMs: clock.now() };
  });
  if (record === undefined) throw errors.jobNotFound(found.id);
  return { record, target };
}

/**
 * What becomes of a record when its callback is changed; undefined when all is as wanted already. A
 * stored `authHeader` goes to no other URL than the one it was given for. A final event that is still
 * due goes to the new place at once; what is on its way to the old one settles nothing any more.
 * @throws TrainerError CALLBACK_CHANGE_REFUSED, INVALID_REQUEST
 */
export function toCallbackChange(
  record: JobRecord,
  target: CallbackTarget | undefined,
  patch: CallbackPatch,
  nowMs: number,
): RecordChange | undefined {
  assertChangeable(record);
  const next = applyPatch(target, patch);
  const changed = PARTS.filter((part) => !isSamePart(part, next, target));
  if (changed.length === 0) return undefined;
  const isElsewhere = changed.some((part) => part !== 'eventFilter');
  const wasGone = record.delivery.settled === 'gone';
  if (wasGone && !isElsewhere) throw errors.callbackGone(record.id);
  return {
    callback: { target: next, changed: changed.map((part) => NAMES[part]) },
    hasWebhook: next !== undefined,
    webhookOrigin: next && toOrigin(next.webhookUrl),
    webhookAuth: next?.authHeader === undefined ? 'none' : 'kept',
    callbackRevision: (record.callbackRevision ?? 0) + 1,
    ...(isElsewhere && { delivery: toDelivery(record, next, nowMs) }),
  };
}

function assertChangeable({ id, state, delivery, unreadable }: JobRecord): void {
  if (unreadable !== undefined) throw errors.callbackUnreadable(id);
  const { settled, attemptCount } = delivery;
  const hasEnded = isTerminal(state.status);
  const wantsNoneYet = settled === 'unwanted' && !hasEnded;
  // A 410 to an update says what its receiver wants, and not what becomes of the end elsewhere.
  const isGoneEarly = settled === 'gone' && (!hasEnded || attemptCount === 0);
  if (settled !== undefined && !wantsNoneYet && !isGoneEarly) throw errors.callbackSettled(id);
}

function applyPatch(
  target: CallbackTarget | undefined,
  patch: CallbackPatch,
): CallbackTarget | undefined {
  const webhookUrl = merge(target?.webhookUrl, patch.webhookUrl);
  if (webhookUrl === undefined) {
    const isIdle = (patch.authHeader ?? patch.eventFilter ?? undefined) !== undefined;
    if (isIdle) throw errors.callbackWithoutWebhook();
    return undefined;
  }
  const kept = webhookUrl === target?.webhookUrl ? target.authHeader : undefined;
  return {
    webhookUrl,
    authHeader: merge(kept, patch.authHeader),
    eventFilter: merge(target?.eventFilter, patch.eventFilter),
  };
}

function merge<T>(current: T | undefined, given: T | null | undefined): T | undefined {
  return given === undefined ? current : (given ?? undefined);
}

function isSamePart(
  part: keyof CallbackTarget,
  one: CallbackTarget | undefined,
  other: CallbackTarget | undefined,
): boolean {
  // Filters are lists; no text can be taken for the lack of one.
  if (part === 'eventFilter') return String(one?.[part]) === String(other?.[part]);
  return one?.[part] === other?.[part];
}

function toDelivery(
  { state, delivery }: JobRecord,
  next: CallbackTarget | undefined,
  nowMs: number,
): JobRecord['delivery'] {
  const { attempts } = delivery;
  if (next === undefined) return { ...NO_DELIVERY, attempts, settled: 'unwanted' };
  if (!isTerminal(state.status)) return { ...NO_DELIVERY, attempts };
  return { ...NO_DELIVERY, attempts, replayedAtMs: nowMs };
}
