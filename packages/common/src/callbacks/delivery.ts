import type { Logger } from 'pino';
import { DeadlineQueue } from '../deadline-queue.ts';
import { isTerminal, type JobRecord, projectJob } from '../job.ts';
import type { JobRunner } from '../runners/job-runner.ts';
import type { JobStore } from '../stores/job-store.ts';
import { WorkQueue } from '../work-queue.ts';
import { type EncodedEvent, encodeEvent, toSequence } from './callback-event.ts';
import { Courier, type CourierParts } from './courier.ts';
import { noteAttempts, type UnnotedAttempt } from './delivery-log.ts';
import { createLane, type Lane, type LaneTarget, toOffered } from './lane.ts';
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
/** How long what is on its way may hold up the next leader. */
const CLOSE_GRACE_MS = 2000;

/** What an event was made of, and when. */
interface Sent {
  readonly record: JobRecord;
  readonly atMs: number;
}
type SentState = Sent & { readonly event: EncodedEvent };

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
    this.#lanes.set(name, createLane(record, this.#firstCount(record)));
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

  /**
   * Sends nothing more, and cuts what is on its way after a moment, since nobody else may lead
   * until then; harmless when repeated.
   */
  async close(): Promise<void> {
    const idle = Promise.all([this.#states.close(), this.#ends.close()]);
    const { promise: isLate, resolve } = Promise.withResolvers<void>();
    const disarm = this.#parts.clock.schedule(CLOSE_GRACE_MS, resolve);
    await Promise.race([idle, isLate]);
    disarm();
    await this.#courier.close();
    await idle;
    this.#deadlines.clear();
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
    const { name } = record;
    if (lane.unnoted.length > 0) return this.#note(lane, record);
    const target = await this.#readTarget(lane, record);
    if (target === undefined) return;
    let sent: SentState | undefined;
    const result = await this.#attempt(lane, name, target, false, () => {
      sent = this.#toStateEvent(lane, name, target);
      return sent?.event;
    });
    if (result === undefined || sent === undefined) return;
    const verdict = schedule.judgeAttempt(result.status, false);
    if (verdict === 'gone') {
      lane.unnoted.push(toUnnoted(sent, result));
      return this.#note(lane, sent.record);
    }
    // While it was on its way, a newer state may have taken its place.
    if (lane.event !== sent.event) return;
    let nextAtMs = lane.nextHeartbeatAtMs;
    if (verdict === 'retry' && !result.isRefused) {
      lane.failuresInRow += 1;
      const delayMs = schedule.toRetryDelayMs(lane.failuresInRow, result.retryAfterMs, random);
      nextAtMs = Math.min(nextAtMs, clock.now() + delayMs);
    } else lane.event = undefined;
    this.#deadlines.set(name, nextAtMs);
  }

  /** The event of a change or a heartbeat that is due, or the one whose retry is; of what is now. */
  #toStateEvent(lane: Lane, name: string, { eventFilter }: LaneTarget): SentState | undefined {
    const { store, runner, clock, leadership, settings, random } = this.#parts;
    const record = store.peek(name);
    if (record?.uid !== lane.recordUid || isTerminal(record.state.status)) return undefined;
    if (eventFilter?.includes(record.state.status) === false) return undefined;
    const atMs = clock.now();
    if (lane.event !== undefined && atMs < lane.nextHeartbeatAtMs) {
      return { record, event: lane.event, atMs };
    }
    lane.eventCount += 1;
    const view = projectJob(record, runner.peek(name), atMs);
    const event = encodeEvent(view, toSequence(leadership.term(), lane.eventCount), atMs);
    lane.event = event;
    lane.nextHeartbeatAtMs = atMs + schedule.toHeartbeatDelayMs(settings.intervalMs, random);
    lane.failuresInRow = 0;
    // The record may be newer than the one that was offered; it is not told twice.
    lane.offered = toOffered(record);
    return { record, event, atMs };
  }

  async #tellEnd(lane: Lane, known: JobRecord): Promise<void> {
    // What was sent but could not be noted is not sent again by this process.
    if (lane.unnoted.length > 0) return this.#note(lane, known);
    if (this.#isPutOff(known)) return;
    const target = await this.#readTarget(lane, known);
    if (target === undefined) return;
    let sent: Sent | undefined;
    const result = await this.#attempt(lane, known.name, target, true, async () => {
      const record = await this.#readUnsettled(lane, known);
      if (record === undefined || this.#isPutOff(record)) return undefined;
      lane.hasOpenEnd = true;
      sent = { record, atMs: this.#parts.clock.now() };
      return encodeEvent({ record, state: record.state, progress: undefined }, 0, sent.atMs);
    });
    if (result === undefined || sent === undefined) {
      lane.hasOpenEnd = false;
      return;
    }
    lane.unnoted.push(toUnnoted(sent, result));
    await this.#note(lane, sent.record);
  }

  /** The leader before us may have told an end already, which what is known here may not show yet. */
  async #readUnsettled(lane: Lane, { name, uid }: JobRecord): Promise<JobRecord | undefined> {
    const record = await this.#parts.store.read(name);
    if (record?.uid === uid && record.delivery.settled === undefined) return record;
    this.#drop(lane, name);
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
    if (noted === undefined || noted.delivery.settled !== undefined) this.#drop(lane, record.name);
    else if (noted.delivery.nextAttemptAtMs !== undefined) {
      this.#deadlines.set(record.name, noted.delivery.nextAttemptAtMs);
    } else this.#enqueue(record.name);
  }

  /** Makes one attempt; undefined when it is put off, or is no longer ours to make. */
  async #attempt(
    lane: Lane,
    name: string,
    target: LaneTarget,
    isEnd: boolean,
    toEvent: () => EncodedEvent | undefined | Promise<EncodedEvent | undefined>,
  ): Promise<PostResult | undefined> {
    const outcome = await this.#courier.attempt(name, target, isEnd, async () => {
      const event = await toEvent();
      // Leadership may have been lost meanwhile and won again, and then another lane tells it.
      return this.#lanes.get(name) === lane ? event : undefined;
    });
    if (outcome.kind === 'answered') return outcome.result;
    if (outcome.kind === 'later') this.#deadlines.set(name, outcome.atMs);
    return undefined;
  }

  /** Forgets a lane, unless a later job of that name has taken its place. */
  #drop(lane: Lane, name: string): void {
    if (this.#lanes.get(name) === lane) this.forget(name);
  }

  /**
   * A job whose lane was forgotten and made anew goes on counting above what it was told before,
   * since no job has more than ten events a second for long.
   */
  #firstCount({ createdAtMs }: JobRecord): number {
    const toldSinceMs = Math.max(this.#ledSinceMs, createdAtMs);
    return Math.max(0, Math.floor((this.#parts.clock.now() - toldSinceMs) / 100));
  }

  async #readTarget(lane: Lane, record: JobRecord): Promise<Lane['target']> {
    if (lane.target !== undefined) return lane.target;
    const callback = (await this.#parts.store.readPayload(record))?.callback;
    lane.target = callback && { ...callback, origin: toOrigin(callback.webhookUrl) };
    return lane.target;
  }
}

function toUnnoted({ record, atMs }: Sent, result: PostResult): UnnotedAttempt {
  return { atMs, result, replayedAtMs: record.delivery.replayedAtMs };
}
