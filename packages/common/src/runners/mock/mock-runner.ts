import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import type { Clock } from '../../clock.ts';
import type { Config } from '../../config.ts';
import { DeadlineQueue } from '../../deadline-queue.ts';
import { Emitter } from '../../emitter.ts';
import type { JobRecord, JsonObject } from '../../jobs/job.ts';
import type { JobMetrics } from '../../jobs/job-metrics.ts';
import type { JobRunner, PreparedJob, StartOutcome } from '../../jobs/job-runner.ts';
import type { JobSpec } from '../../jobs/job-spec.ts';
import type { LogItem, LogQuery } from '../../jobs/log-line.ts';
import type { Observation } from '../../jobs/observation.ts';
import { type MockScript, MockScriptSchema } from '../../requests/extra-parameters.ts';
import { toRenderedEcho } from '../kubeflow/trainjob/job-spec-echo.ts';
import {
  ALL_CAPABILITIES,
  renderTrainJob,
  type TrainJobSettings,
} from '../kubeflow/trainjob/manifest.ts';
import { nextMockLineAt, pickLines, writeMockLog } from './mock-log.ts';
import { measureMockRun } from './mock-metrics.ts';
import { type MockRun, nextMockChange, observeMockRun } from './mock-timeline.ts';

const Script = z.compile(MockScriptSchema);

type MockConfig = Pick<Config, 'mock'> & TrainJobSettings;

/** A cluster keeps nothing of a run that it has deleted, but with its record its metrics stay. */
const MAX_STOPPED = 1000;

/** Simulates jobs in memory by the clock; any number of jobs share one timer. */
export class MockRunner implements JobRunner {
  readonly #clock: Clock;
  readonly #config: MockConfig;
  readonly #runs = new Map<string, MockRun>();
  /** Those that were stopped, and when, by the uid of their record. */
  readonly #stopped = new LRUCache<string, { readonly run: MockRun; readonly atMs: number }>({
    max: MAX_STOPPED,
  });
  readonly #changes: DeadlineQueue;
  readonly #emitter = new Emitter<string>();

  constructor(config: MockConfig, clock: Clock) {
    this.#config = config;
    this.#clock = clock;
    this.#changes = new DeadlineQueue(clock, (name) => this.#advance(name));
  }

  async open(): Promise<void> {}

  async close(): Promise<void> {
    this.#changes.clear();
    this.#emitter.clear();
  }

  notReadyReason(): string | undefined {
    return undefined;
  }

  behindForMs(): number {
    return 0;
  }

  /** Its echo is the TrainJob that a cluster which can do everything would be handed. */
  async prepare(spec: JobSpec): Promise<PreparedJob> {
    const { manifest, warnings } = renderTrainJob(spec, this.#config, ALL_CAPABILITIES);
    return { plan: spec.simulation ?? {}, secrets: {}, warnings, echo: toRenderedEcho(manifest) };
  }

  async start(record: JobRecord, plan: JsonObject): Promise<StartOutcome> {
    const known = this.#runs.get(record.name);
    if (known?.recordUid === record.uid) return { outcome: 'started', runId: known.runId };
    if (known !== undefined) {
      return { outcome: 'later', detail: 'An earlier run of that name is still there' };
    }
    const run = this.#toRun(record, plan);
    this.#runs.set(record.name, run);
    this.#advance(record.name);
    return { outcome: 'started', runId: run.runId };
  }

  async stop({ name, uid }: JobRecord): Promise<void> {
    const run = this.#runs.get(name);
    if (run?.recordUid !== uid) return;
    this.#stopped.set(uid, { run, atMs: this.#clock.now() });
    this.#runs.delete(name);
    this.#changes.remove(name);
    this.#announce(name);
  }

  getCached(name: string): Observation {
    const run = this.#runs.get(name);
    return run === undefined ? { exists: false } : observeMockRun(run, this.#clock.now());
  }

  async observe(name: string): Promise<Observation> {
    return this.getCached(name);
  }

  readMetrics({ name, uid }: JobRecord): JobMetrics | undefined {
    const run = this.#runs.get(name);
    if (run?.recordUid === uid) return measureMockRun(run, this.#clock.now());
    const stopped = this.#stopped.get(uid);
    return stopped && measureMockRun(stopped.run, stopped.atMs);
  }

  async readLogs(record: JobRecord, query: LogQuery, signal: AbortSignal) {
    return this.#readLog(record, query, signal);
  }

  watch(listener: (name: string) => void): () => void {
    return this.#emitter.watch(listener);
  }

  async *#readLog(
    { name, uid }: JobRecord,
    query: LogQuery,
    signal: AbortSignal,
  ): AsyncGenerator<LogItem> {
    let shown = 0;
    while (!signal.aborted) {
      const run = this.#runs.get(name);
      if (run?.recordUid !== uid) break;
      const nowMs = this.#clock.now();
      const lines = writeMockLog(run, nowMs);
      const wanted = pickLines(lines, shown === 0 ? query : { ...query, tail: undefined });
      yield* wanted.filter(({ position }) => Number(position) > shown);
      shown = lines.length;
      if (nowMs >= run.endsAtMs) return yield { end: 'JOB_ENDED' };
      if (!query.follow) return yield { end: 'LOG_READ' };
      await this.#untilChange(name, nextMockLineAt(run, nowMs), signal);
    }
    yield { end: 'POD_GONE' };
  }

  /** Until a time, a change of the run, or the end of the waiting. */
  async #untilChange(name: string, atMs: number | undefined, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const delayMs = (atMs ?? Number.POSITIVE_INFINITY) - this.#clock.now();
    const cancel = Number.isFinite(delayMs) ? this.#clock.schedule(delayMs, resolve) : () => {};
    const unwatch = this.#emitter.watch((changed) => {
      if (changed === name) resolve();
    });
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (signal.aborted) resolve();
    await promise;
    cancel();
    unwatch();
  }

  #toRun(record: JobRecord, plan: JsonObject): MockRun {
    const nowMs = this.#clock.now();
    const script = Script.parse(plan);
    const startsAtMs = nowMs + toMs(script.submitted_seconds, this.#config.mock.submittedMs);
    const runningMs =
      script.outcome === 'never'
        ? Number.POSITIVE_INFINITY
        : toMs(script.running_seconds, this.#config.mock.runningMs);
    return {
      runId: randomUUID(),
      recordUid: record.uid,
      createdAtMs: nowMs,
      startsAtMs,
      endsAtMs: startsAtMs + runningMs,
      outcome: script.outcome,
      reason: script.reason,
    };
  }

  /** Announces a change and waits for the next one. */
  #advance(name: string): void {
    const run = this.#runs.get(name);
    if (run === undefined) return;
    const next = nextMockChange(run, this.#clock.now());
    if (next !== undefined) this.#changes.set(name, next);
    this.#announce(name);
  }

  #announce(name: string): void {
    this.#emitter.emit(name);
  }
}

function toMs(seconds: MockScript['submitted_seconds'], fallbackMs: number): number {
  return seconds === undefined ? fallbackMs : seconds * 1000;
}
