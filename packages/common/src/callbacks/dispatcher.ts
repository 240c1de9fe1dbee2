import type { Logger } from 'pino';
import type { Random } from '../backoff.ts';
import { DeadlineQueue } from '../deadline-queue.ts';
import type { CallbackTarget, JobRecord } from '../jobs/job.ts';
import type { JobRunner } from '../jobs/job-runner.ts';
import type { JobStore } from '../jobs/job-store.ts';
import { projectJob } from '../jobs/observation.ts';
import { updateRecord } from '../jobs/update-record.ts';
import { recordAttempts } from './attempt-log.ts';
import { DeliveryState } from './delivery-state.ts';
import {
  type EncodedEvent,
  encodeFinalEvent,
  encodeUpdateEvent,
  toEventKind,
  type UpdateEventOptions,
} from './event.ts';
import { EventSender, type EventSenderParts } from './event-sender.ts';
import { toOrigin } from './origin-limiter.ts';
import { type Permit, PermitQueue } from './permit-queue.ts';
import * as policy from './retry-policy.ts';

export interface DispatcherParts extends EventSenderParts {
  readonly store: JobStore;
  readonly runner: JobRunner;
  readonly logger: Logger;
  readonly random: Random;
  readonly settings: {
    readonly intervalMs: number;
    readonly retryPeriodMs: number;
    readonly submittedAs: UpdateEventOptions['submittedAs'];
  };
}

/** How long what is on its way may hold up the next leader. */
const CLOSE_GRACE_MS = 2000;
const LONGEST_FAILURE_DELAY_MS = 30_000;

/**
 * Has each job's state sent to its webhook: every change at once, heartbeats in between, and the
 * final event until it is settled; never two events of one job at a time. What is sent is read when
 * it is sent, so that only the newest state counts. Only a leader sends.
 */
export class Dispatcher {
  readonly #parts: DispatcherParts;
  readonly #states = new Map<string, DeliveryState>();
  readonly #deadlines: DeadlineQueue;
  readonly #permits: PermitQueue;
  readonly #sender: EventSender;
  readonly #processId: string;
  readonly #idle = Promise.withResolvers<void>();
  #busyCount = 0;
  #isClosed = false;
  #ledSinceMs: number;

  constructor(parts: DispatcherParts) {
    const { clock, random } = parts;
    this.#parts = parts;
    this.#ledSinceMs = clock.now();
    this.#deadlines = new DeadlineQueue(clock, (name) => this.#wake(name));
    this.#permits = new PermitQueue({
      clock,
      onGranted: (name, permit) => this.#use(name, permit),
    });
    this.#sender = new EventSender(parts);
    this.#processId = Math.floor(random() * 2 ** 32).toString(36);
  }

  /** To be told before the first record is offered under a new leadership. */
  takeOver(): void {
    const nowMs = this.#parts.clock.now();
    this.#ledSinceMs = nowMs;
    for (const record of this.#parts.store.list()) {
      if (record.delivery.settled === undefined) this.#stateOf(record).inherit(nowMs);
    }
  }

  /** Takes note of a job's record; what of it is due goes out. */
  offer(record: JobRecord): void {
    const { name, state: jobState, delivery } = record;
    if (delivery.settled !== undefined) {
      this.forget(name);
      return;
    }
    const state = this.#stateOf(record);
    const isInherited = state.isNew && state.cutOffAtMs !== undefined;
    if (!state.offer(record)) return;
    const { clock, settings, random } = this.#parts;
    const isSpread = isInherited && clock.now() < this.#ledSinceMs + settings.intervalMs;
    if (isSpread && toEventKind(jobState.status) === 'update') {
      // Of jobs that another leader has told of before, updates begin anew over the interval.
      const delayMs = policy.toFirstHeartbeatDelayMs(settings.intervalMs, random);
      this.#deadlines.set(name, clock.now() + delayMs);
    } else {
      this.#wake(name);
    }
  }

  forget(name: string): void {
    this.#states.delete(name);
    this.#deadlines.remove(name);
    this.#permits.cancel(name);
  }

  /**
   * Forgets everything, as one does who no longer leads; but for what is on its way, beside which
   * nothing may be sent, and what was sent and could not be recorded, which must not be sent again,
   * should this process lead once more.
   */
  clear(): void {
    for (const [name, state] of this.#states) {
      if (!state.isBusy && state.unrecorded.length === 0) this.#states.delete(name);
    }
    this.#permits.clear();
    this.#deadlines.clear();
  }

  /**
   * Sends nothing more, and cuts off what is on its way after a moment, since nobody else may lead
   * until then; harmless when repeated.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#permits.clear();
    this.#deadlines.clear();
    if (this.#busyCount === 0) this.#idle.resolve();
    const { promise: isLate, resolve } = Promise.withResolvers<void>();
    const disarm = this.#parts.clock.schedule(CLOSE_GRACE_MS, resolve);
    await Promise.race([this.#idle.promise, isLate]);
    disarm();
    await this.#sender.close();
    await this.#idle.promise;
    this.#deadlines.clear();
  }

  #stateOf(record: JobRecord): DeliveryState {
    const known = this.#states.get(record.name);
    if (known?.recordUid === record.uid) return known;
    this.forget(record.name);
    const state = new DeliveryState(record);
    // One that came into the cache too late for the takeover, by whoever created it.
    if (record.createdAtMs < this.#ledSinceMs) state.inherit(this.#ledSinceMs);
    this.#states.set(record.name, state);
    return state;
  }

  /** Does what is due for a job now: records what was sent, or lines up for its next event. */
  #wake(name: string): void {
    const state = this.#states.get(name);
    if (state === undefined || this.#isClosed) return;
    if (state.isBusy) {
      state.isDue = true;
      return;
    }
    const record = this.#parts.store.getCached(name);
    if (record?.uid !== state.recordUid) this.forget(name);
    else if (state.unrecorded.length > 0)
      void this.#run(name, state, () => this.#record(state, record));
    else if (!this.#isPutOff(record)) {
      this.#permits.request(name, state.origin, toEventKind(record.state.status));
    }
  }

  #use(name: string, permit: Permit): void {
    const state = this.#states.get(name);
    const record = this.#parts.store.getCached(name);
    const isOurs = this.#parts.leadership.isLeader();
    if (state === undefined || record?.uid !== state.recordUid || state.isBusy || !isOurs) {
      permit.release(undefined);
      return;
    }
    void this.#run(name, state, async () => {
      try {
        await this.#attempt(state, record, permit);
      } finally {
        permit.release(undefined);
      }
    });
  }

  async #run(name: string, state: DeliveryState, work: () => Promise<void>): Promise<void> {
    state.isBusy = true;
    this.#busyCount += 1;
    try {
      await work();
    } catch (error) {
      const { clock, random, logger } = this.#parts;
      state.failuresInRow += 1;
      const delayMs = policy.toRetryDelayMs(state.failuresInRow, undefined, random);
      this.#deadlines.set(name, clock.now() + Math.min(delayMs, LONGEST_FAILURE_DELAY_MS));
      logger.warn({ job: name, err: error }, 'delivery failed, retrying');
    } finally {
      state.isBusy = false;
      this.#busyCount -= 1;
      if (this.#isClosed && this.#busyCount === 0) this.#idle.resolve();
    }
    if (!state.isDue) return;
    state.isDue = false;
    if (this.#states.get(name) === state) this.#wake(name);
  }

  async #attempt(state: DeliveryState, record: JobRecord, permit: Permit): Promise<void> {
    const target = state.target ?? (await this.#readTarget(state, record));
    const kind = toEventKind(record.state.status);
    if (target === undefined) {
      if (kind === 'final') await this.#giveUp(state, record);
    } else if (state.origin !== permit.origin) {
      state.isDue = true;
    } else if (kind === 'final') {
      await this.#sendFinal(state, target, record, permit);
    } else {
      await this.#sendUpdate(state, target, record, permit);
    }
  }

  async #readTarget(state: DeliveryState, record: JobRecord): Promise<CallbackTarget | undefined> {
    const target = (await this.#parts.store.readPayload(record))?.callback;
    if (target === undefined) return undefined;
    state.target = target;
    state.origin = toOrigin(target.webhookUrl);
    return target;
  }

  async #sendUpdate(
    state: DeliveryState,
    target: CallbackTarget,
    { name, uid }: JobRecord,
    permit: Permit,
  ): Promise<void> {
    const { store, clock, random } = this.#parts;
    const record = store.getCached(name);
    if (record?.uid !== uid) return;
    if (toEventKind(record.state.status) === 'final') {
      state.isDue = true;
      return;
    }
    if (target.eventFilter?.includes(record.state.status) === false) return;
    const event = this.#toUpdate(state, record);
    const result = await this.#sender.send(target, event);
    permit.release(result);
    if (result === undefined) return;
    if (result.isCutOff) state.cutOffAtMs = clock.now();
    const verdict = policy.judgeAttempt(result.status, 'update');
    if (verdict === 'gone') {
      const { replayedAtMs } = record.delivery;
      const attempt = { atMs: clock.now(), result, replayedAtMs };
      state.unrecorded = [...state.unrecorded, attempt];
      return this.#record(state, record);
    }
    // While it was on its way, a newer state may have taken its place.
    if (state.update !== event) return;
    let nextAtMs = state.nextHeartbeatAtMs;
    if (verdict === 'retry' && !result.isRefused) {
      state.failuresInRow += 1;
      const delayMs = policy.toRetryDelayMs(state.failuresInRow, result.retryAfterMs, random);
      nextAtMs = Math.min(nextAtMs, clock.now() + delayMs);
    } else {
      state.update = undefined;
    }
    this.#deadlines.set(name, nextAtMs);
  }

  /** The event whose retry is due, unless it is time for a heartbeat or there is news. */
  #toUpdate(state: DeliveryState, record: JobRecord): EncodedEvent {
    const { runner, leadership, clock, random, settings } = this.#parts;
    const nowMs = clock.now();
    if (state.update !== undefined && nowMs < state.nextHeartbeatAtMs) return state.update;
    const update = encodeUpdateEvent(projectJob(record, runner.getCached(record.name), nowMs), {
      sequence: leadership.nextSequence(),
      processId: this.#processId,
      nowMs,
      submittedAs: settings.submittedAs,
    });
    const delayMs = policy.toHeartbeatDelayMs(settings.intervalMs, random);
    state.startUpdate(record, update, nowMs + delayMs);
    return update;
  }

  async #sendFinal(
    state: DeliveryState,
    target: CallbackTarget,
    { name, uid }: JobRecord,
    permit: Permit,
  ): Promise<void> {
    // The leader before us may have sent it already, which what is known here may not show yet.
    const record = await this.#parts.store.getLive(name);
    if (record?.uid !== uid || record.delivery.settled !== undefined) {
      if (this.#states.get(name) === state) this.forget(name);
      return;
    }
    if (this.#isPutOff(record)) return;
    const atMs = this.#parts.clock.now();
    const result = await this.#sender.send(target, encodeFinalEvent(record));
    permit.release(result);
    if (result === undefined) return;
    const { replayedAtMs } = record.delivery;
    const attempt = { atMs, result, replayedAtMs, repeatAtMs: state.repeatAtMs };
    state.unrecorded = [...state.unrecorded, attempt];
    await this.#record(state, record);
  }

  /** Whether the next attempt at a final event is not due yet; then it comes back to it. */
  #isPutOff({ name, state, delivery: { nextAttemptAtMs } }: JobRecord): boolean {
    if (nextAttemptAtMs === undefined || nextAttemptAtMs <= this.#parts.clock.now()) return false;
    if (toEventKind(state.status) === 'update') return false;
    this.#deadlines.set(name, nextAttemptAtMs);
    return true;
  }

  /** Writes the attempts that only this process knows of into the record. */
  async #record(state: DeliveryState, record: JobRecord): Promise<void> {
    const { store, settings, random } = this.#parts;
    const attempts = state.unrecorded;
    const retry = { periodMs: settings.retryPeriodMs, random };
    const recorded = await recordAttempts(store, record, attempts, retry);
    state.unrecorded = state.unrecorded.filter((attempt) => !attempts.includes(attempt));
    if (this.#states.get(record.name) !== state) return;
    const { settled, nextAttemptAtMs } = recorded?.delivery ?? {};
    if (recorded === undefined || settled !== undefined) this.forget(record.name);
    else if (nextAttemptAtMs !== undefined) this.#deadlines.set(record.name, nextAttemptAtMs);
  }

  /** Somebody took out of the record where its final event was to go; it must not be kept for ever. */
  async #giveUp(state: DeliveryState, record: JobRecord): Promise<void> {
    await updateRecord(this.#parts.store, record, ({ delivery }) =>
      delivery.settled === undefined
        ? { delivery: { ...delivery, settled: 'expired' } }
        : undefined,
    );
    if (this.#states.get(record.name) === state) this.forget(record.name);
  }
}
