import type { Logger } from 'pino';
import type { Random } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import type { CallbackTarget, JobRecord } from '../jobs/job.ts';
import type { JobRunner } from '../jobs/job-runner.ts';
import type { JobStore } from '../jobs/job-store.ts';
import type { Leadership } from '../jobs/leadership.ts';
import { projectJob, type ReadProgress, withReportedProgress } from '../jobs/observation.ts';
import { logAttempt } from './attempt-line.ts';
import type { DeliveryState, NextStep } from './delivery-state.ts';
import {
  type EncodedEvent,
  encodeUpdateEvent,
  toEventKind,
  type UpdateEventOptions,
} from './event.ts';
import type { EventSender } from './event-sender.ts';
import type { Permit } from './permit-queue.ts';
import { judgeAttempt, toHeartbeatDelayMs, toRetryDelayMs } from './retry-policy.ts';

export interface UpdateDeliveryParts {
  readonly logger: Logger;
  readonly store: JobStore;
  readonly runner: JobRunner;
  readonly leadership: Leadership;
  readonly clock: Clock;
  readonly random: Random;
  /** What trainings report of their progress to this process. */
  readonly progressOf?: ReadProgress | undefined;
  readonly settings: {
    readonly intervalMs: number;
    readonly submittedAs: UpdateEventOptions['submittedAs'];
  };
}

/** Sends a job's state as it is now, or the update again whose retry is due. */
export class UpdateDelivery {
  readonly #parts: UpdateDeliveryParts;
  readonly #sender: EventSender;
  readonly #processId: string;

  constructor(parts: UpdateDeliveryParts, sender: EventSender) {
    this.#parts = parts;
    this.#sender = sender;
    this.#processId = Math.floor(parts.random() * 2 ** 32).toString(36);
  }

  async send(
    state: DeliveryState,
    target: CallbackTarget,
    { name, uid }: JobRecord,
    permit: Permit,
  ): Promise<NextStep> {
    const record = this.#parts.store.getCached(name);
    if (record?.uid !== uid) return { do: 'nothing' };
    if (!state.knowsTargetOf(record)) {
      state.offer(record);
      return { do: 'look-again' };
    }
    // It has ended since it was its turn.
    if (toEventKind(record.state.status) === 'final') return { do: 'look-again' };
    if (target.eventFilter?.includes(record.state.status) === false) return { do: 'nothing' };
    const event = this.#toUpdate(state, record);
    const result = await this.#sender.send(target, event);
    permit.release(result);
    if (result === undefined) return { do: 'nothing' };
    const { clock, random } = this.#parts;
    const nowMs = clock.now();
    if (result.isCutOff) state.cutOffAtMs = nowMs;
    logAttempt(this.#parts.logger, record, 'update', state.origin, result, state.isFailing);
    const verdict = judgeAttempt(result.status, 'update');
    state.isFailing = verdict !== 'delivered';
    if (verdict === 'gone') {
      const { callbackRevision, delivery } = record;
      const { replayedAtMs } = delivery;
      const isUpdate = true as const;
      const attempt = { atMs: nowMs, result, replayedAtMs, callbackRevision, isUpdate };
      state.unrecorded = [...state.unrecorded, attempt];
      return { do: 'look-again' };
    }
    // While it was on its way, a newer state may have taken its place.
    if (state.update !== event) return { do: 'nothing' };
    if (verdict === 'retry' && !result.isRefused) {
      state.failuresInRow += 1;
      const delayMs = toRetryDelayMs(state.failuresInRow, result.retryAfterMs, random);
      return { do: 'wait', untilMs: Math.min(state.nextHeartbeatAtMs, nowMs + delayMs) };
    }
    state.update = undefined;
    return { do: 'wait', untilMs: state.nextHeartbeatAtMs };
  }

  /** The update whose retry is due, unless it is time for a heartbeat or there is news. */
  #toUpdate(state: DeliveryState, record: JobRecord): EncodedEvent {
    const { runner, leadership, clock, random, progressOf, settings } = this.#parts;
    const nowMs = clock.now();
    if (state.update !== undefined && nowMs < state.nextHeartbeatAtMs) return state.update;
    const seen = projectJob(record, runner.getCached(record.name), nowMs);
    const view = withReportedProgress(seen, progressOf);
    const update = encodeUpdateEvent(view, {
      sequence: leadership.nextSequence(),
      processId: this.#processId,
      nowMs,
      submittedAs: settings.submittedAs,
    });
    state.startUpdate(seen, update, nowMs + toHeartbeatDelayMs(settings.intervalMs, random));
    return update;
  }
}
