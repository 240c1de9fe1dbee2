import type { Logger } from 'pino';
import { DeadlineQueue } from '../deadline-queue.ts';
import { isTerminal, type JobRecord, projectJob } from '../job.ts';
import type { JobRunner } from '../runners/job-runner.ts';
import type { JobStore } from '../stores/job-store.ts';
import { WorkQueue } from '../work-queue.ts';
import { type EncodedEvent, encodeEvent, toSequence } from './callback-event.ts';
import { Courier, type CourierParts } from './courier.ts';
import { noteAttempts } from './delivery-log.ts';
import { createLane, type Lane, toOffered } from './lane.ts';
import { toOrigin } from './origin-limits.ts';
import * as schedule from './schedule.ts';
import type { PostResult } from './webhook-sender.ts';

export interface DeliveriesParts extends CourierParts {
  readonly store: JobStore;
  readonly runner: JobRunner;
  readonly logger: Logger;
  readonly random: schedule.Random;
  readonly settings: { readonly intervalMs: number; readonly retryPeriodMs: number };
}

/** More than may be on their way at once, since those that wait for a slot hold none. */
const CONCURRENCY = 512;

/**
 * Sends each job's state to its webhook: every change at once, heartbeats in between, and the end
 * until it is settled. What is told is read when it is sent, so that only the latest state counts.
 * Only a leader sends.
 */
export class Deliveries {
  readonly #parts: DeliveriesParts;
  readonly #lanes = new Map<string, Lane>();
  readonly #states = new WorkQueue(CONCURRENCY, (name) => this.#guard(name, this.#tellState));
  /** Apart from the states, so that an end never waits for a heartbeat of its own job. */
  readonly #ends = new WorkQueue(CONCURRENCY, (name) => this.#guard(name, this.#tellEnd));
  readonly #deadlines: DeadlineQueue;
  readonly #courier: Courier;
  #ledSinceMs: number;

  constructor(parts: DeliveriesParts) {
    this.#parts = parts;
    this.#deadlines = new DeadlineQueue(parts.clock, (name) => this.#enqueue(name));
    this.#courier = new Courier({ ...parts, onTurn: (name) => this.#enqueue(name) });
    this.#ledSinceMs = parts.clock.now();
  }

  /** Takes note of a job's record; what of it is due goes out. */
  offer(record: JobRecord): void {
    const { name, uid, state, delivery, createdAtMs } = record;
    if (delivery.settled !== undefined) {
      this.forget(name);
      return;
    }
    const offered = toOffered(record);
    const known = this.#lanes.get(name);
    if (known?.recordUid === uid && known.offered === offered) return;
    if (known?.recordUid === uid) {
      known.offered = offered;
      known.event = undefined;
      known.failuresInRow = 0;
      this.#enqueue(name);
      return;
    }
    this.#lanes.set(name, createLane(record, this.#firstCount()));
    // Of jobs that another leader has told of before, states are told anew over the interval.
    if (isTerminal(state.status) || createdAtMs >= this.#ledSinceMs) {
      this.#enqueue(name);
      return;
    }
    const { clock, settings, random } = this.#parts;
    const delayMs = schedule.toFirstHeartbeatDelayMs(settings.intervalMs, random);
    this.#deadlines.set(name, clock.now() + delayMs);
  }

  forget(name: string): void {
    const lane = this.#lanes.get(name);
    if (lane === undefined) return;
    this.#lanes.delete(name);
    this.#deadlines.remove(name);
    this.#courier.giveBack(name);
  }

  /**
   * Forgets everything, as one does who no longer leads; but for ends that were sent and could not
   * be noted, which must not be sent again should this process lead once more.
   */
  clear(): void {
    for (const [name, lane] of this.#lanes) {
      if (lane.hasOpenEnd) lane.offered = '';
      else this.#lanes.delete(name);
    }
    this.#states.clear();
    this.#ends.clear();
    this.#courier.clear();
    this.#deadlines.clear();
  }

  /** To be told before the first record is offered under a new leadership. */
  takeOver(): void {
    this.#ledSinceMs = this.#parts.clock.now();
  }

  /** Ends when what is on its way has been answered; harmless when repeated. */
  async close(): Promise<void> {
    this.#deadlines.clear();
    await Promise.all([this.#states.close(), this.#ends.close()]);
    await this.#courier.close();
  }

  #enqueue(name: string): void {
    const record = this.#parts.store.peek(name);
    if (record === undefined) this.forget(name);
    else (isTerminal(record.state.status) ? this.#ends : this.#states).add(name);
  }

  async #guard(
    name: string,
    work: (lane: Lane, record: JobRecord) => Promise<void>,
  ): Promise<void> {
    const { store, leadership, clock, logger } = this.#parts;
    const lane = this.#lanes.get(name);
    const record = store.peek(name);
    if (lane === undefined || record?.uid !== lane.recordUid || !leadership.isLeader()) {
      this.#courier.giveBack(name);
      return;
    }
    try {
      await work.call(this, lane, record);
    } catch (error) {
      lane.failuresInRow += 1;
      const delayMs = schedule.toRetryDelayMs(lane.failuresInRow, undefined, this.#parts.random);
      this.#deadlines.set(name, clock.now() + Math.min(delayMs, 30_000));
      logger.warn({ job: name, err: error }, 'callback could not be moved on');
    } finally {
      this.#courier.giveBack(name);
    }
  }

  async #tellState(lane: Lane, record: JobRecord): Promise<void> {
    const { clock, random } = this.#parts;
    const { status } = record.state;
    const target = await this.#readTarget(lane, record);
    if (target === undefined || isTerminal(status)) return;
    if (target.eventFilter !== undefined && !target.eventFilter.includes(status)) return;
    const startedAtMs = clock.now();
    let event: EncodedEvent | undefined;
    const result = await this.#attempt(record.name, target, false, () => {
      event = this.#toStateEvent(lane, record);
      return event;
    });
    if (result === undefined) return;
    // While it was on its way, a newer state may have taken its place.
    if (lane.event !== event) return;
    const verdict = schedule.judgeAttempt(result.status, false);
    if (verdict === 'gone') {
      lane.unnoted.push({ atMs: startedAtMs, result });
      return this.#note(lane, record);
    }
    let nextAtMs = lane.nextHeartbeatAtMs;
    if (verdict === 'retry' && !result.isRefused) {
      lane.failuresInRow += 1;
      const delayMs = schedule.toRetryDelayMs(lane.failuresInRow, result.retryAfterMs, random);
      nextAtMs = Math.min(nextAtMs, clock.now() + delayMs);
    } else lane.event = undefined;
    this.#deadlines.set(record.name, nextAtMs);
  }

  /** The event of a change or a heartbeat that is due, or the one whose retry is. */
  #toStateEvent(lane: Lane, record: JobRecord): EncodedEvent {
    const { runner, clock, leadership, settings, random } = this.#parts;
    const nowMs = clock.now();
    if (lane.event !== undefined && nowMs < lane.nextHeartbeatAtMs) return lane.event;
    lane.eventCount += 1;
    const view = projectJob(record, runner.peek(record.name), nowMs);
    lane.event = encodeEvent(view, toSequence(leadership.term(), lane.eventCount), nowMs);
    lane.nextHeartbeatAtMs = nowMs + schedule.toHeartbeatDelayMs(settings.intervalMs, random);
    lane.failuresInRow = 0;
    // The record may be newer than the one that was offered; it is not told twice.
    lane.offered = toOffered(record);
    return lane.event;
  }

  async #tellEnd(lane: Lane, known: JobRecord): Promise<void> {
    // What was sent but could not be noted is not sent again by this process.
    if (lane.unnoted.length > 0) return this.#note(lane, known);
    if (this.#isPutOff(known)) return;
    const target = await this.#readTarget(lane, known);
    if (target === undefined) return;
    let sent: { readonly record: JobRecord; readonly atMs: number } | undefined;
    const result = await this.#attempt(known.name, target, true, async () => {
      const record = await this.#readUnsettled(known);
      if (record === undefined || this.#isPutOff(record)) return undefined;
      lane.hasOpenEnd = true;
      sent = { record, atMs: this.#parts.clock.now() };
      return encodeEvent({ record, state: record.state, progress: undefined }, 0, sent.atMs);
    });
    if (result === undefined || sent === undefined) {
      lane.hasOpenEnd = false;
      return;
    }
    lane.unnoted.push({ atMs: sent.atMs, result });
    await this.#note(lane, sent.record);
  }

  /** The leader before us may have told an end already, which what is known here may not show yet. */
  async #readUnsettled({ name, uid }: JobRecord): Promise<JobRecord | undefined> {
    const record = await this.#parts.store.read(name);
    if (record?.uid === uid && record.delivery.settled === undefined) return record;
    this.forget(name);
    return undefined;
  }

  /** Whether the next attempt at an end is not due yet; then it comes back to it. */
  #isPutOff({ name, delivery: { nextAttemptAtMs } }: JobRecord): boolean {
    if (nextAttemptAtMs === undefined || nextAttemptAtMs <= this.#parts.clock.now()) return false;
    this.#deadlines.set(name, nextAttemptAtMs);
    return true;
  }

  /** Writes the attempts that only this process knows of into the record. */
  async #note(lane: Lane, record: JobRecord): Promise<void> {
    const { store, settings, random } = this.#parts;
    const retry = { periodMs: settings.retryPeriodMs, random };
    const noted = await noteAttempts(store, record, lane.unnoted, retry);
    lane.unnoted = [];
    lane.hasOpenEnd = false;
    if (noted === undefined || noted.delivery.settled !== undefined) this.forget(record.name);
    else if (noted.delivery.nextAttemptAtMs !== undefined) {
      this.#deadlines.set(record.name, noted.delivery.nextAttemptAtMs);
    } else this.#enqueue(record.name);
  }

  /** Makes one attempt; undefined when it is put off. */
  async #attempt(...attempt: Parameters<Courier['attempt']>): Promise<PostResult | undefined> {
    const [name] = attempt;
    const outcome = await this.#courier.attempt(...attempt);
    if (outcome.kind === 'answered') return outcome.result;
    if (outcome.kind === 'later') this.#deadlines.set(name, outcome.atMs);
    return undefined;
  }

  /**
   * A job whose lane was forgotten and made anew goes on counting above what it was told before,
   * since no job has more than ten events a second for long.
   */
  #firstCount(): number {
    return Math.floor((this.#parts.clock.now() - this.#ledSinceMs) / 100);
  }

  async #readTarget(lane: Lane, record: JobRecord): Promise<Lane['target']> {
    if (lane.target !== undefined) return lane.target;
    const callback = (await this.#parts.store.readPayload(record))?.callback;
    lane.target = callback && { ...callback, origin: toOrigin(callback.webhookUrl) };
    return lane.target;
  }
}
