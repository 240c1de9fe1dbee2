import type { Logger } from 'pino';
import { type Backoff, type Random, toBackoffMs } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import { DeadlineQueue } from '../deadline-queue.ts';
import { isLogged } from '../errors.ts';
import { isTerminal, type JobRecord, type JobState } from '../jobs/job.ts';
import type { JobRunner } from '../jobs/job-runner.ts';
import type { RecordChange } from '../jobs/job-store.ts';
import type { Leadership } from '../jobs/leadership.ts';
import { isRunOf, type Observation } from '../jobs/observation.ts';
import { logProgress, toLogged } from '../jobs/operator-lines.ts';
import { WorkQueue } from '../work-queue.ts';
import { type DecideSettings, type Decision, decide } from './decide.ts';
import { EndChange } from './end-change.ts';
import type { LastWordsParts } from './last-words.ts';
import { toPlanChange } from './plan-change.ts';
import { toObservedEnd, toRefused, toUnplanned } from './terminal-states.ts';

/** Receives every record that is known to be current, and sends what is due to its webhook. */
export interface RecordSink {
  takeOver(): void;
  offer(record: JobRecord): void;
  forget(name: string): void;
  clear(): void;
}

export interface ControllerParts extends LastWordsParts {
  readonly runner: JobRunner;
  readonly leadership: Leadership;
  readonly deliveries: RecordSink;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly settings: DecideSettings;
}

const CONCURRENCY = 32;
/** More of them mean that nothing comes of what is decided. */
const MAX_STEPS = 16;
const RETRY: Backoff = { firstMs: 500, longestMs: 30_000, jitter: [0.75, 1.25] };

/**
 * The one place that acts on jobs after their submission. For every record that changes, whose run
 * changes, or whose time has come, it decides and does one thing, until there is nothing to do.
 */
export class Controller {
  readonly #parts: ControllerParts;
  readonly #queue = new WorkQueue(CONCURRENCY, (name) => this.#reconcile(name));
  readonly #deadlines: DeadlineQueue;
  readonly #endChange: EndChange;
  /** When this process first saw a record that has no run yet, by name. */
  readonly #firstSeenAt = new Map<string, { readonly uid: string; readonly atMs: number }>();
  readonly #failures = new Map<string, number>();
  #unwatch: (() => void)[] = [];

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    this.#endChange = new EndChange(parts);
    this.#deadlines = new DeadlineQueue(parts.clock, (name) => this.#queue.add(name));
  }

  /** How many jobs wait to be looked at. */
  get queueLength(): number {
    return this.#queue.length;
  }

  start(): void {
    const { store, runner, leadership } = this.#parts;
    const add = (name: string) => {
      if (leadership.isLeader()) this.#queue.add(name);
    };
    this.#unwatch = [
      store.watch(add),
      runner.watch(add),
      leadership.watch((isLeader) => (isLeader ? this.#takeOver() : this.#stepDown())),
    ];
    if (leadership.isLeader()) this.#takeOver();
  }

  /** Finishes what it is doing and does nothing more; harmless when repeated. */
  async close(): Promise<void> {
    for (const unwatch of this.#unwatch.splice(0)) unwatch();
    this.#deadlines.clear();
    await this.#queue.close();
  }

  #takeOver(): void {
    this.#parts.deliveries.takeOver();
    // Ends that no webhook has received yet come first, since people wait for those.
    const records = [...this.#parts.store.list()];
    const isUrgent = ({ state, delivery }: JobRecord) =>
      state.endedAtMs !== undefined && delivery.settled === undefined;
    for (const record of records) if (isUrgent(record)) this.#queue.add(record.name);
    for (const record of records) if (!isUrgent(record)) this.#queue.add(record.name);
  }

  #stepDown(): void {
    this.#queue.clear();
    this.#deadlines.clear();
    this.#firstSeenAt.clear();
    this.#failures.clear();
    this.#parts.deliveries.clear();
  }

  async #reconcile(name: string): Promise<void> {
    const { store, leadership, clock, random, logger } = this.#parts;
    try {
      // Each step changes what the next one is decided on; a job needs a handful at most.
      let steps = 0;
      while (leadership.isLeader() && (await this.#step(name))) {
        steps += 1;
        if (steps === MAX_STEPS) throw new Error(`${MAX_STEPS} steps led nowhere`);
      }
      this.#failures.delete(name);
    } catch (error) {
      const count = (this.#failures.get(name) ?? 0) + 1;
      this.#failures.set(name, count);
      const delayMs = toBackoffMs(count, RETRY, random);
      this.#deadlines.set(name, clock.now() + delayMs);
      const job = store.getCached(name) ?? { name };
      logger[isLogged(error) ? 'debug' : 'warn'](
        { ...toLogged(job), err: error, retry_in_ms: Math.round(delayMs) },
        'reconcile failed, retrying',
      );
    }
  }

  /** Does what is due for one job; whether there may be more to do at once. */
  async #step(name: string): Promise<boolean> {
    const { store, runner, clock, deliveries, settings } = this.#parts;
    const record = store.getCached(name);
    if (record === undefined) {
      this.#forget(name);
      return false;
    }
    const nowMs = clock.now();
    const firstSeenAtMs = this.#firstSeen(record, nowMs);
    const seen = runner.getCached(name);
    const decision = decide(record, seen, firstSeenAtMs, nowMs, settings);
    // No event is sent before the run is noted, since until then the submission may still be refused.
    const isDecided = record.runId !== undefined || record.state.endedAtMs !== undefined;
    if (isDecided && record.unreadable === undefined) deliveries.offer(record);
    if (decision.requeueAtMs !== undefined) this.#deadlines.set(name, decision.requeueAtMs);
    return this.#act(record, seen, decision.action);
  }

  async #act(
    record: JobRecord,
    seen: Observation | undefined,
    action: Decision['action'],
  ): Promise<boolean> {
    const { store, runner } = this.#parts;
    switch (action.do) {
      case 'nothing':
        return false;
      case 'start':
        return this.#start(record);
      case 'note':
        return this.#write(record, () => store.update(record, { runId: action.runId }));
      case 'write': {
        const change = await this.#endChange.toChange(record, action.state, seen);
        return this.#write(record, () => this.#update(record, change));
      }
      case 'confirm-gone':
        return this.#confirmGone(record, action.state);
      case 'stop':
        await runner.stop(record);
        return false;
      case 'purge-credentials':
        return this.#write(record, () => store.purgeCredentials(record));
      case 'delete':
        await runner.stop(record);
        return this.#write(record, () => store.delete(record));
    }
  }

  /** Has a record changed; one that is not as it was known here is looked at before it is tried again. */
  async #write(
    { name }: JobRecord,
    write: () => Promise<JobRecord | boolean | undefined>,
  ): Promise<boolean> {
    const { store, leadership } = this.#parts;
    // What a step had to ask first may have taken longer than this leadership.
    if (!leadership.isLeader()) return false;
    const written = await write();
    if (!written) await store.getLive(name);
    return true;
  }

  async #start(record: JobRecord): Promise<boolean> {
    const { store, runner, leadership } = this.#parts;
    const planned = await store.readPlan(record);
    if (planned === undefined) {
      const current = await store.getLive(record.name);
      if (current?.uid !== record.uid) return true;
      // Nothing can be made of what is left, unless somebody mends it.
      this.#requeueIn(RETRY.longestMs, record);
      const state = toUnplanned(record, this.#parts.clock.now());
      if (state === record.state) return false;
      return this.#write(record, () => store.update(record, { state }));
    }
    if (!leadership.isLeader()) return false;
    const readSecrets = async () => (await store.readPayload(record))?.secrets;
    const result = await runner.start(record, planned.plan, readSecrets);
    switch (result.outcome) {
      case 'started': {
        const isWorthALook = await this.#write(record, () =>
          store.update(record, { runId: result.runId }),
        );
        // Cancelled and forgotten while it was started, nobody else would ever stop it.
        if (store.getCached(record.name)?.uid !== record.uid) await runner.stop(record);
        return isWorthALook;
      }
      case 'replanned': {
        const change = toPlanChange(record, result.prepared);
        return this.#write(record, () => store.update(record, change));
      }
      case 'later':
        this.#requeueIn(1000, record);
        return false;
      case 'forbidden':
        this.#requeueIn(RETRY.longestMs, record);
        return false;
      case 'refused':
      case 'obstructed': {
        const state = toRefused(record, result.detail, this.#parts.clock.now());
        return this.#write(record, () => this.#update(record, { state }));
      }
    }
  }

  /** Writes a state, and tells of a start or an end once it stands. */
  async #update(record: JobRecord, change: RecordChange): Promise<JobRecord | undefined> {
    const updated = await this.#parts.store.update(record, change);
    if (updated !== undefined) logProgress(this.#parts.logger, record, updated);
    return updated;
  }

  /** A cache may lag behind; only the place itself can say that a run is gone. */
  async #confirmGone(record: JobRecord, gone: JobState): Promise<boolean> {
    const { runner, clock } = this.#parts;
    const seen = await runner.observe(record.name);
    if (isRunOf(record, seen) && !isTerminal(seen.status)) {
      this.#requeueIn(1000, record);
      return false;
    }
    const end = isRunOf(record, seen) ? toObservedEnd(record, seen, clock.now()) : gone;
    const change = await this.#endChange.toChange(record, end, seen);
    return this.#write(record, () => this.#update(record, change));
  }

  #requeueIn(delayMs: number, { name }: JobRecord): void {
    this.#deadlines.set(name, this.#parts.clock.now() + delayMs);
  }

  #firstSeen(record: JobRecord, nowMs: number): number {
    if (record.runId !== undefined) {
      this.#firstSeenAt.delete(record.name);
      return nowMs;
    }
    const known = this.#firstSeenAt.get(record.name);
    if (known?.uid === record.uid) return known.atMs;
    this.#firstSeenAt.set(record.name, { uid: record.uid, atMs: nowMs });
    return nowMs;
  }

  #forget(name: string): void {
    this.#firstSeenAt.delete(name);
    this.#failures.delete(name);
    this.#deadlines.remove(name);
    this.#parts.deliveries.forget(name);
  }
}
