import type { Logger } from 'pino';
import { DeadlineQueue } from '../deadline-queue.ts';
import { isLogged } from '../errors.ts';
import type { CallbackTarget, JobRecord } from '../jobs/job.ts';
import { toLogged } from '../jobs/operator-lines.ts';
import { DeliveryState, type NextStep } from './delivery-state.ts';
import { toEventKind } from './event.ts';
import { EventSender, type EventSenderParts } from './event-sender.ts';
import { FinalDelivery, type FinalDeliveryParts } from './final-delivery.ts';
import { toOrigin } from './origin-limiter.ts';
import { type Permit, PermitQueue } from './permit-queue.ts';
import { toFirstHeartbeatDelayMs, toRetryDelayMs } from './retry-policy.ts';
import { UpdateDelivery, type UpdateDeliveryParts } from './update-delivery.ts';

export interface DispatcherParts
  extends EventSenderParts,
    Omit<UpdateDeliveryParts, 'settings'>,
    Omit<FinalDeliveryParts, 'settings'> {
  readonly logger: Logger;
  readonly settings: UpdateDeliveryParts['settings'] & FinalDeliveryParts['settings'];
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
  readonly #updates: UpdateDelivery;
  readonly #finals: FinalDelivery;
  readonly #idle = Promise.withResolvers<void>();
  #busyCount = 0;
  #isClosed = false;
  #ledSinceMs: number;

  constructor(parts: DispatcherParts) {
    const { clock } = parts;
    this.#parts = parts;
    this.#ledSinceMs = clock.now();
    this.#deadlines = new DeadlineQueue(clock, (name) => this.#wake(name));
    this.#permits = new PermitQueue({
      clock,
      onGranted: (name, permit) => this.#use(name, permit),
    });
    this.#sender = new EventSender(parts);
    this.#updates = new UpdateDelivery(parts, this.#sender);
    this.#finals = new FinalDelivery(parts, this.#sender);
  }

  /** How many jobs wait for their turn at a webhook. */
  get queueLength(): number {
    return this.#permits.length;
  }

  /** To be called before the first record is offered under a new leadership. */
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
      // Updates of jobs that another leader reported before are spread over the interval.
      const delayMs = toFirstHeartbeatDelayMs(settings.intervalMs, random);
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
   * Sends nothing more, and aborts what is in flight after a moment, since nobody else may lead
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
    if (record?.uid !== state.recordUid) {
      this.forget(name);
      return;
    }
    if (state.unrecorded.length > 0) {
      void this.#run(record, state, () => this.#finals.record(state, record));
      return;
    }
    const kind = toEventKind(record.state.status);
    const { nextAttemptAtMs = 0 } = record.delivery;
    if (kind === 'final' && nextAttemptAtMs > this.#parts.clock.now()) {
      this.#deadlines.set(name, nextAttemptAtMs);
    } else {
      this.#permits.request(name, state.origin, kind);
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
    void this.#run(record, state, async () => {
      try {
        return await this.#attempt(state, record, permit);
      } finally {
        permit.release(undefined);
      }
    });
  }

  async #run(
    record: JobRecord,
    state: DeliveryState,
    work: () => Promise<NextStep>,
  ): Promise<void> {
    const { name } = record;
    state.isBusy = true;
    this.#busyCount += 1;
    let next: NextStep;
    try {
      next = await work();
    } catch (error) {
      const { clock, random, logger } = this.#parts;
      state.failuresInRow += 1;
      const delayMs = toRetryDelayMs(state.failuresInRow, undefined, random);
      next = { do: 'wait', untilMs: clock.now() + Math.min(delayMs, LONGEST_FAILURE_DELAY_MS) };
      logger[isLogged(error) ? 'debug' : 'warn'](
        { ...toLogged(record), err: error },
        'delivery failed, retrying',
      );
    }
    state.isBusy = false;
    this.#busyCount -= 1;
    if (this.#isClosed && this.#busyCount === 0) this.#idle.resolve();
    // Meanwhile the job may be gone, or another may have taken its name.
    if (this.#states.get(name) === state) this.#goOn(name, state, next);
  }

  #goOn(name: string, state: DeliveryState, next: NextStep): void {
    const { isDue } = state;
    state.isDue = false;
    if (next.do === 'forget') this.forget(name);
    else if (isDue || next.do === 'look-again') this.#wake(name);
    else if (next.do === 'wait') this.#deadlines.set(name, next.untilMs);
  }

  async #attempt(state: DeliveryState, record: JobRecord, permit: Permit): Promise<NextStep> {
    const target = state.target ?? (await this.#readTarget(state, record));
    const kind = toEventKind(record.state.status);
    if (target === undefined) {
      return kind === 'final' ? this.#finals.giveUp(record) : { do: 'nothing' };
    }
    if (state.origin !== permit.origin) return { do: 'look-again' };
    const delivery = kind === 'final' ? this.#finals : this.#updates;
    return delivery.send(state, target, record, permit);
  }

  async #readTarget(state: DeliveryState, record: JobRecord): Promise<CallbackTarget | undefined> {
    const target = (await this.#parts.store.readPayload(record))?.callback;
    if (target === undefined) return undefined;
    state.target = target;
    // With what follows an origin in a URL, it is no other one.
    if (!target.webhookUrl.startsWith(`${state.origin}/`) || state.origin === '') {
      state.origin = toOrigin(target.webhookUrl);
    }
    return target;
  }
}
