import { isTerminal, type JobRecord } from '../jobs/job.ts';
import type { JobRunner } from '../jobs/job-runner.ts';
import type { JobStore } from '../jobs/job-store.ts';
import { projectJob } from '../jobs/observation.ts';
import { updateRecord } from '../jobs/update-record.ts';
import { noteAttempts, type UnnotedAttempt } from './attempt-log.ts';
import type { Courier, CourierParts } from './courier.ts';
import { type EncodedEvent, encodeEvent, toSequence } from './event.ts';
import type { PostResult } from './http/webhook-client.ts';
import { type Lane, type LaneTarget, toOffered } from './lane.ts';
import { toOrigin } from './origin-limits.ts';
import * as schedule from './retry-policy.ts';

export interface TellerParts extends CourierParts {
  readonly store: JobStore;
  readonly runner: JobRunner;
  readonly random: schedule.Random;
  readonly settings: { readonly intervalMs: number; readonly retryPeriodMs: number };
}

/** Where lanes are kept and called up. */
export interface Desk {
  /** Whether this still is the lane of that job. */
  isCurrent(lane: Lane, name: string): boolean;
  /** Forgets a lane that has nothing more to tell. */
  drop(lane: Lane, name: string): void;
  /** Calls a job up again when its time has come, UNIX milliseconds, or at once. */
  lookAgain(name: string, atMs: number | undefined): void;
}

/** What an event was made of, and when. */
interface Sent {
  readonly record: JobRecord;
  readonly atMs: number;
}
type SentState = Sent & { readonly event: EncodedEvent };

/**
 * Tells a webhook once of a job's state, or of its end, and says when there is more to do. What is
 * told is read when there is a slot to send it.
 */
export class Teller {
  readonly #parts: TellerParts;
  readonly #courier: Courier;
  readonly #desk: Desk;

  constructor(parts: TellerParts, courier: Courier, desk: Desk) {
    this.#parts = parts;
    this.#courier = courier;
    this.#desk = desk;
  }

  async tellState(lane: Lane, record: JobRecord): Promise<void> {
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
      lane.unnoted = [...lane.unnoted, toUnnoted(sent, result)];
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
    this.#desk.lookAgain(name, nextAtMs);
  }

  /** The event of a change or a heartbeat that is due, or the one whose retry is; of what is now. */
  #toStateEvent(lane: Lane, name: string, { eventFilter }: LaneTarget): SentState | undefined {
    const { store, runner, clock, leadership, settings, random } = this.#parts;
    const record = store.getCached(name);
    if (record?.uid !== lane.recordUid || isTerminal(record.state.status)) return undefined;
    if (eventFilter?.includes(record.state.status) === false) return undefined;
    const atMs = clock.now();
    if (lane.event !== undefined && atMs < lane.nextHeartbeatAtMs) {
      return { record, event: lane.event, atMs };
    }
    lane.eventCount += 1;
    const view = projectJob(record, runner.getCached(name), atMs);
    const event = encodeEvent(view, toSequence(leadership.term(), lane.eventCount), atMs);
    lane.event = event;
    lane.nextHeartbeatAtMs = atMs + schedule.toHeartbeatDelayMs(settings.intervalMs, random);
    lane.failuresInRow = 0;
    // The record may be newer than the one that was offered; it is not told twice.
    lane.offered = toOffered(record);
    return { record, event, atMs };
  }

  async tellEnd(lane: Lane, known: JobRecord): Promise<void> {
    // What was sent but could not be noted is not sent again by this process.
    if (lane.unnoted.length > 0) return this.#note(lane, known);
    if (this.#isPutOff(known)) return;
    const target = await this.#readTarget(lane, known);
    if (target === undefined) return this.#giveUp(lane, known);
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
    lane.unnoted = [...lane.unnoted, toUnnoted(sent, result)];
    await this.#note(lane, sent.record);
  }

  /** The leader before us may have told an end already, which what is known here may not show yet. */
  async #readUnsettled(lane: Lane, { name, uid }: JobRecord): Promise<JobRecord | undefined> {
    const record = await this.#parts.store.getLive(name);
    if (record?.uid === uid && record.delivery.settled === undefined) return record;
    this.#desk.drop(lane, name);
    return undefined;
  }

  /** Whether the next attempt at an end is not due yet; then it comes back to it. */
  #isPutOff({ name, delivery: { nextAttemptAtMs } }: JobRecord): boolean {
    if (nextAttemptAtMs === undefined || nextAttemptAtMs <= this.#parts.clock.now()) return false;
    this.#desk.lookAgain(name, nextAttemptAtMs);
    return true;
  }

  /** Writes the attempts that only this process knows of into the record. */
  async #note(lane: Lane, record: JobRecord): Promise<void> {
    const { store, settings, random } = this.#parts;
    const retry = { periodMs: settings.retryPeriodMs, random };
    const attempts = lane.unnoted;
    const noted = await noteAttempts(store, record, attempts, retry);
    lane.unnoted = lane.unnoted.filter((attempt) => !attempts.includes(attempt));
    lane.hasOpenEnd = false;
    const { settled, nextAttemptAtMs } = noted?.delivery ?? {};
    if (noted === undefined || settled !== undefined) this.#desk.drop(lane, record.name);
    else this.#desk.lookAgain(record.name, nextAttemptAtMs);
  }

  /** Somebody took out of the record where its end was to go, and it must not be kept for ever. */
  async #giveUp(lane: Lane, record: JobRecord): Promise<void> {
    await updateRecord(this.#parts.store, record, ({ delivery }) =>
      delivery.settled === undefined
        ? { delivery: { ...delivery, settled: 'expired' } }
        : undefined,
    );
    this.#desk.drop(lane, record.name);
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
      return this.#desk.isCurrent(lane, name) ? event : undefined;
    });
    if (outcome.kind === 'answered') return outcome.result;
    if (outcome.kind === 'later') this.#desk.lookAgain(name, outcome.atMs);
    return undefined;
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
