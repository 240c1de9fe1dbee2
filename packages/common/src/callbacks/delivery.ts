import type { Logger } from 'pino';
import { DeadlineQueue } from '../deadline-queue.ts';
import { isTerminal, type JobRecord } from '../jobs/job.ts';
import { WorkQueue } from '../work-queue.ts';
import { Courier } from './courier.ts';
import { createLane, type Lane, toOffered } from './lane.ts';
import * as schedule from './retry-policy.ts';
import { Teller, type TellerParts } from './teller.ts';

export interface DeliveriesParts extends TellerParts {
  readonly logger: Logger;
}

/** More than may be on their way at once, since those that wait for a slot hold none. */
const CONCURRENCY = 512;
/** How long what is on its way may hold up the next leader. */
const CLOSE_GRACE_MS = 2000;

/**
 * Has each job's state sent to its webhook: every change at once, heartbeats in between, and the end
 * until it is settled. What is told is read when it is sent, so that only the latest state counts.
 * Only a leader sends.
 */
export class Deliveries {
  readonly #parts: DeliveriesParts;
  readonly #lanes = new Map<string, Lane>();
  readonly #states = new WorkQueue(CONCURRENCY, (name) =>
    this.#guard(name, (lane, record) => this.#teller.tellState(lane, record)),
  );
  /** Apart from the states, so that an end never waits for a heartbeat of its own job. */
  readonly #ends = new WorkQueue(CONCURRENCY, (name) =>
    this.#guard(name, (lane, record) => this.#teller.tellEnd(lane, record)),
  );
  readonly #deadlines: DeadlineQueue;
  readonly #courier: Courier;
  readonly #teller: Teller;
  #ledSinceMs: number;

  constructor(parts: DeliveriesParts) {
    this.#parts = parts;
    this.#deadlines = new DeadlineQueue(parts.clock, (name) => this.#enqueue(name));
    this.#courier = new Courier({ ...parts, onTurn: (name) => this.#enqueue(name) });
    this.#teller = new Teller(parts, this.#courier, {
      isCurrent: (lane, name) => this.#lanes.get(name) === lane,
      drop: (lane, name) => this.#drop(lane, name),
      lookAgain: (name, atMs) => {
        if (atMs === undefined) this.#enqueue(name);
        else this.#deadlines.set(name, atMs);
      },
    });
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
    const record = this.#parts.store.getCached(name);
    if (record === undefined) this.forget(name);
    else (isTerminal(record.state.status) ? this.#ends : this.#states).add(name);
  }

  async #guard(
    name: string,
    work: (lane: Lane, record: JobRecord) => Promise<void>,
  ): Promise<void> {
    const { store, leadership, clock, logger } = this.#parts;
    const lane = this.#lanes.get(name);
    const record = store.getCached(name);
    if (lane === undefined || record?.uid !== lane.recordUid || !leadership.isLeader()) {
      this.#courier.giveBack(name);
      return;
    }
    try {
      await work(lane, record);
    } catch (error) {
      lane.failuresInRow += 1;
      const delayMs = schedule.toRetryDelayMs(lane.failuresInRow, undefined, this.#parts.random);
      this.#deadlines.set(name, clock.now() + Math.min(delayMs, 30_000));
      logger.warn({ job: name, err: error }, 'callback could not be moved on');
    } finally {
      this.#courier.giveBack(name);
    }
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
}
