import type { Logger } from 'pino';
import type { Random } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import type { CallbackTarget, JobRecord } from '../jobs/job.ts';
import type { JobStore } from '../jobs/job-store.ts';
import { updateRecord } from '../jobs/update-record.ts';
import { logAttempt } from './attempt-line.ts';
import type { DeliveryState, NextStep } from './delivery-state.ts';
import { encodeFinalEvent } from './event.ts';
import type { EventSender } from './event-sender.ts';
import { recordAttempts } from './kept-delivery.ts';
import type { Permit } from './permit-queue.ts';

export interface FinalDeliveryParts {
  readonly logger: Logger;
  readonly store: JobStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: { readonly retryPeriodMs: number };
}

/** Sends a job's final event, and writes into its record what became of each attempt. */
export class FinalDelivery {
  readonly #parts: FinalDeliveryParts;
  readonly #sender: EventSender;

  constructor(parts: FinalDeliveryParts, sender: EventSender) {
    this.#parts = parts;
    this.#sender = sender;
  }

  async send(
    state: DeliveryState,
    target: CallbackTarget,
    { name, uid }: JobRecord,
    permit: Permit,
  ): Promise<NextStep> {
    const { store, clock } = this.#parts;
    // The leader before us may have sent it already, which what is known here may not show yet.
    const record = await store.getLive(name);
    if (record?.uid !== uid || record.delivery.settled !== undefined) return { do: 'forget' };
    if (!state.knowsTargetOf(record)) {
      state.offer(record);
      return { do: 'look-again' };
    }
    const { callbackRevision } = record;
    const { replayedAtMs, nextAttemptAtMs } = record.delivery;
    const atMs = clock.now();
    if (nextAttemptAtMs !== undefined && nextAttemptAtMs > atMs) {
      return { do: 'wait', untilMs: nextAttemptAtMs };
    }
    const result = await this.#sender.send(target, encodeFinalEvent(record));
    permit.release(result);
    if (result === undefined) return { do: 'nothing' };
    const { repeatAtMs } = state;
    logAttempt(this.#parts.logger, record, 'final', state.origin, result);
    const attempt = { atMs, result, replayedAtMs, callbackRevision, repeatAtMs };
    state.unrecorded = [...state.unrecorded, attempt];
    return this.record(state, record);
  }

  /** Writes the attempts that only this process knows of into the record. */
  async record(state: DeliveryState, record: JobRecord): Promise<NextStep> {
    const { store, settings, random } = this.#parts;
    const attempts = state.unrecorded;
    const retry = { periodMs: settings.retryPeriodMs, random };
    const recorded = await recordAttempts(store, record, attempts, retry);
    state.unrecorded = state.unrecorded.filter((attempt) => !attempts.includes(attempt));
    const { settled, nextAttemptAtMs } = recorded?.delivery ?? {};
    if (recorded === undefined || settled !== undefined) return { do: 'forget' };
    // Without a time, a replay was asked for meanwhile, or callbacks go elsewhere: that is due now.
    if (nextAttemptAtMs === undefined) return { do: 'look-again' };
    return { do: 'wait', untilMs: nextAttemptAtMs };
  }

  /** Settles what nobody knows any more where to send: it must not be kept for ever. */
  async giveUp(record: JobRecord): Promise<NextStep> {
    await updateRecord(this.#parts.store, record, ({ delivery }) =>
      delivery.settled === undefined
        ? { delivery: { ...delivery, settled: 'expired' } }
        : undefined,
    );
    return { do: 'forget' };
  }
}
