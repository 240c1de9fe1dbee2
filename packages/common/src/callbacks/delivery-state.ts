import type { CallbackTarget, JobRecord } from '../jobs/job.ts';
import type { JobView } from '../jobs/observation.ts';
import type { EncodedEvent } from './event.ts';
import type { UnrecordedAttempt } from './kept-delivery.ts';
import { REPEAT_AFTER_MS } from './retry-policy.ts';

/** What a piece of work on a job's callback leaves to be done. */
export type NextStep =
  | { readonly do: 'nothing' }
  /** Whatever is due then, in UNIX milliseconds, unless there is news before. */
  | { readonly do: 'wait'; readonly untilMs: number }
  | { readonly do: 'look-again' }
  /** The callback is settled, or the job is gone. */
  | { readonly do: 'forget' };

/** What is kept in memory of one job's callback, from its first event until it is settled. */
export class DeliveryState {
  readonly recordUid: string;
  /** Where its events queue; empty until the payload was read, in records that do not name it. */
  origin: string;
  /** Read from the payload once, when there is something to send. */
  target: CallbackTarget | undefined;
  /** An update that is on its way or waits for its next attempt. */
  update: EncodedEvent | undefined;
  nextHeartbeatAtMs = 0;
  /** Of this update; the delay before its next attempt follows from it. */
  failuresInRow = 0;
  /** Whether the last update, of whichever state, did not reach the webhook. */
  isFailing = false;
  /** When an event was last cut off that its receiver may be busy with still, UNIX milliseconds. */
  cutOffAtMs: number | undefined;
  /** Attempts at the final event that the record does not know of yet. */
  unrecorded: readonly UnrecordedAttempt[] = [];
  /** Something of it is under way; no second event may be. */
  isBusy = false;
  /** There is more to do as soon as that is done. */
  isDue = false;
  /** What was offered last, under this leadership. */
  #offered: string | undefined;
  #callbackRevision: number | undefined;

  constructor(record: JobRecord) {
    this.recordUid = record.uid;
    this.origin = record.webhookOrigin ?? '';
    this.#callbackRevision = record.callbackRevision;
  }

  /** Whether events of this record go where it last heard that they do. */
  knowsTargetOf({ callbackRevision }: JobRecord): boolean {
    return callbackRevision === this.#callbackRevision;
  }

  /** Whether nothing of the job was offered yet. */
  get isNew(): boolean {
    return this.#offered === undefined;
  }

  /** Takes note of a record; whether it holds what the webhook has to hear of. */
  offer(record: JobRecord): boolean {
    this.#follow(record);
    const offered = toOffered(record);
    if (offered === this.#offered) return false;
    this.#offered = offered;
    this.update = undefined;
    this.failuresInRow = 0;
    return true;
  }

  /** Forgets where events went, once that was changed. */
  #follow(record: JobRecord): void {
    if (this.knowsTargetOf(record)) return;
    this.#callbackRevision = record.callbackRevision;
    this.target = undefined;
    this.isFailing = false;
    this.origin = record.webhookOrigin ?? '';
  }

  /**
   * Counts the state that `update` carries as sent; it may be ahead of the record, which is about
   * to say the same.
   */
  startUpdate(
    { record, state }: Pick<JobView, 'record' | 'state'>,
    update: EncodedEvent,
    nextHeartbeatAtMs: number,
  ): void {
    this.offer({ ...record, state });
    this.update = update;
    this.nextHeartbeatAtMs = nextHeartbeatAtMs;
  }

  /** When a final event that is sent before has to be repeated, so that it comes last. */
  get repeatAtMs(): number | undefined {
    return this.cutOffAtMs === undefined ? undefined : this.cutOffAtMs + REPEAT_AFTER_MS;
  }

  /**
   * Starts with what a previous leader left: whatever that one was sending has been cut off by
   * now at the latest.
   */
  inherit(nowMs: number): void {
    this.#offered = undefined;
    this.update = undefined;
    this.failuresInRow = 0;
    this.cutOffAtMs = nowMs;
  }
}

/** What makes a record's state one that its webhook has to hear of. */
function toOffered({ state, delivery, callbackRevision }: JobRecord): string {
  return [state.status, state.reason, delivery.replayedAtMs, callbackRevision].join(' ');
}
