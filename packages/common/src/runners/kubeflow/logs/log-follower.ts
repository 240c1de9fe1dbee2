import type { Logger } from 'pino';
import type { Clock } from '../../../clock.ts';
import type { JobRecord } from '../../../jobs/job.ts';
import type { LogEnd, LogItem, LogLine, LogQuery } from '../../../jobs/log-line.ts';
import { toLogged } from '../../../jobs/operator-lines.ts';
import { type ApiClient, ApiError } from '../../../kubernetes/api-client.ts';
import { pause } from '../../../kubernetes/pause.ts';
import { LineMerger } from '../../../logs/line-merger.ts';
import type { PodObject } from '../diagnosis/pod-finding.ts';
import { ContainerLog } from './container-log.ts';
import type { TrainingPod } from './training-pod.ts';

/** What is known of a run besides its pods. */
export interface WatchedRun {
  /** Whether no further pod of it will come. */
  readonly hasEnded: () => boolean;
  /** Calls `listener` when that may have changed; returns how to stop that. */
  readonly watch: (listener: () => void) => () => void;
}

/** Pods as they were at a version of the cluster. */
export interface PodList {
  readonly pods: readonly TrainingPod[];
  readonly version: string;
}

export interface LogFollowerParts {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly namespace: string;
  readonly record: JobRecord;
  readonly query: LogQuery;
  readonly run: WatchedRun;
  readonly signal: AbortSignal;
  /** Where pods are watched, and which. */
  readonly path: string;
  readonly labelSelector: string;
  readonly list: () => Promise<PodList>;
  /** Undefined for a pod whose log is not wanted. */
  readonly keep: (pod: PodObject) => TrainingPod | undefined;
}

/** A stream that ends before its container does is opened again after so long. */
const REOPEN_MS = 1000;

/** Follows the logs of a job's pods as they come and go, until the job's run has ended. */
export class LogFollower {
  readonly #parts: LogFollowerParts;
  readonly #pods = new Map<string, TrainingPod>();
  /** The containers whose log is or was read. */
  readonly #read = new Set<string>();
  /** The pods whose log is being read. */
  readonly #reading = new Set<string>();
  /**
   * By the uid of its pod, over all its containers: the cluster gives the log of the one that a pod has
   * by then, and may tell of it later.
   */
  readonly #logs = new Map<string, ContainerLog>();
  readonly #lines: LineMerger<LogLine>;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  #tail: number | undefined;
  #end: LogEnd | undefined;

  constructor(parts: LogFollowerParts) {
    this.#parts = parts;
    this.#tail = parts.query.tail;
    this.#signal = AbortSignal.any([parts.signal, this.#stop.signal]);
    this.#lines = new LineMerger({ onSourceEnd: () => this.#endIfDone() });
    this.#signal.addEventListener('abort', () => this.#lines.complete(), { once: true });
    if (this.#signal.aborted) this.#lines.complete();
  }

  async *read(first: PodList): AsyncGenerator<LogItem> {
    const unwatch = this.#parts.run.watch(() => this.#endIfDone());
    try {
      void this.#follow(first).catch((error: unknown) => {
        if (!this.#signal.aborted) {
          const { logger, record } = this.#parts;
          logger.debug({ ...toLogged(record), err: error }, 'pods of a log cannot be watched');
        }
        this.#finish({ end: 'CUT_OFF' });
      });
      yield* this.#lines;
      yield this.#end ?? { end: 'CUT_OFF' };
    } finally {
      unwatch();
      this.#stop.abort();
    }
  }

  async #follow(first: PodList): Promise<void> {
    const { client, path, labelSelector, list, keep } = this.#parts;
    for (let known = first; !this.#signal.aborted; known = await list()) {
      this.#replace(known.pods);
      const query = { labelSelector, resourceVersion: known.version, allowWatchBookmarks: true };
      const request = { method: 'GET', path, query, signal: this.#signal } as const;
      try {
        for await (const { type, object } of await client.watch<PodObject>(request)) {
          if (type === 'BOOKMARK') continue;
          if (type === 'DELETED') this.#pods.delete(object.metadata.uid);
          else this.#note(keep(object));
          this.#endIfDone();
        }
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        await pause(this.#parts.clock, REOPEN_MS, this.#signal);
      }
    }
  }

  #replace(pods: readonly TrainingPod[]): void {
    this.#pods.clear();
    for (const pod of pods) this.#note(pod);
    // Of what comes later, all is new.
    this.#tail = undefined;
    this.#endIfDone();
  }

  #note(pod: TrainingPod | undefined): void {
    if (pod === undefined) return;
    this.#pods.set(pod.uid, pod);
    const container = `${pod.uid} ${pod.restarts}`;
    if (!pod.hasBegun || this.#read.has(container)) return;
    this.#read.add(container);
    // Whoever reads its container before this one goes on with this one.
    if (!this.#reading.has(pod.uid)) this.#lines.add(this.#readPod(pod));
  }

  /** All that a pod writes until it has ended, over as many connections and containers as it takes. */
  async *#readPod(pod: TrainingPod): AsyncGenerator<LogLine> {
    const { clock, logger, record } = this.#parts;
    const log = this.#logOf(pod);
    this.#reading.add(pod.uid);
    try {
      while (!this.#signal.aborted) {
        const seen = this.#pods.get(pod.uid);
        try {
          yield* await log.open();
          // Read to its end after the container's.
          if (this.#hadEnded(seen)) return;
        } catch (error) {
          if (!(error instanceof ApiError)) throw error;
          if (this.#hadEnded(seen)) return;
          const line = { ...toLogged(record), pod: pod.name, err: error };
          logger.debug(line, 'log of a pod broke off, opened again');
        }
        await pause(clock, REOPEN_MS, this.#signal);
      }
    } finally {
      this.#reading.delete(pod.uid);
    }
  }

  #logOf(pod: TrainingPod): ContainerLog {
    const { client, namespace, query } = this.#parts;
    const known = this.#logs.get(pod.uid);
    if (known !== undefined) return known;
    const parts = { client, namespace, signal: this.#signal };
    const log = new ContainerLog(parts, pod, { ...query, tail: this.#tail });
    this.#logs.set(pod.uid, log);
    return log;
  }

  /** Whether a pod had ended as it was seen, and has started no container since. */
  #hadEnded(seen: TrainingPod | undefined): boolean {
    if (seen === undefined) return true;
    const { restarts } = this.#pods.get(seen.uid) ?? seen;
    return seen.hasEnded && restarts === seen.restarts;
  }

  #endIfDone(): void {
    const { run } = this.#parts;
    const isOver = run.hasEnded() && [...this.#pods.values()].every(({ hasEnded }) => hasEnded);
    if (!isOver || this.#lines.sourceCount > 0) return;
    this.#finish({ end: this.#read.size === 0 ? 'POD_GONE' : 'JOB_ENDED' });
  }

  #finish(end: LogEnd): void {
    this.#end ??= end;
    this.#stop.abort();
  }
}
