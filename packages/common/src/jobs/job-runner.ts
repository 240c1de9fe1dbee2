import type { JobRecord, JsonObject } from './job.ts';
import type { Secrets } from './job-environment.ts';
import type { JobMetrics } from './job-metrics.ts';
import type { JobSpec } from './job-spec.ts';
import type { LogItem, LogQuery } from './log-line.ts';
import type { Observation } from './observation.ts';

/** What a runner makes of a job spec before anything runs. */
export interface PreparedJob {
  /** All that `start` needs, as JSON that only this runner reads; holds no credential. */
  readonly plan: JsonObject;
  /** Secret values of the runner's own, by key; kept with those of the job. */
  readonly secrets: Secrets;
  /** Sentences about parts of the spec that will not be acted on. */
  readonly warnings: readonly string[];
  /** What `metadata.job_spec` of an answer shows; holds no credential. */
  readonly echo: JsonObject;
}

export type StartOutcome =
  /** It runs, by this call or an earlier one. */
  | { readonly outcome: 'started'; readonly runId: string }
  /** It will never run as it stands; `detail` is one sentence in the place's own words. */
  | { readonly outcome: 'refused'; readonly detail: string }
  /** What an earlier job of that name left is in the way, and `detail` names it. */
  | { readonly outcome: 'obstructed'; readonly detail: string }
  /** Its place has changed since it was prepared: keep the new plan, then start again. */
  | { readonly outcome: 'replanned'; readonly prepared: Omit<PreparedJob, 'secrets'> }
  /** Our own account may not start anything; what it lacks is in the log, `detail` is for callers. */
  | { readonly outcome: 'forbidden'; readonly detail: string }
  /** Not now: something else of that name is still going away, or the outcome is not known. */
  | { readonly outcome: 'later'; readonly detail: string };

/** What the place of a runner says of a job that it is not to start. */
export interface Admission {
  readonly outcome:
    | { readonly outcome: 'accepted' }
    | Exclude<StartOutcome, { readonly outcome: 'started' }>;
  /** What was not asked, and may refuse the job all the same. */
  readonly notAsked: readonly string[];
}

/** Reads the secret values of the job from the store; undefined once they or the job are gone. */
export type ReadSecrets = () => Promise<Secrets | undefined>;

/**
 * Where jobs execute. It starts, stops and observes; it decides nothing and knows neither backends
 * nor callbacks. A place that cannot be reached throws a TrainerError CLUSTER_UNAVAILABLE.
 */
export interface JobRunner {
  open(): Promise<void>;
  /** Stops watching; runs go on. Harmless when repeated. */
  close(): Promise<void>;
  /** One sentence on why there is nothing yet to answer from, or undefined. */
  notReadyReason(): string | undefined;
  /** For how long what is known here may have missed changes; infinite before the first list. */
  behindForMs(): number;

  /** Turns a job spec into this runner's own plan; starts nothing. */
  prepare(spec: JobSpec): Promise<PreparedJob>;
  /** Asks its place whether it would take such a plan, with the rights of `start`; starts nothing. */
  admit?(plan: JsonObject): Promise<Admission>;
  /** Starts the record's job; repeating it never makes a second run. */
  start(record: JobRecord, plan: JsonObject, readSecrets: ReadSecrets): Promise<StartOutcome>;
  /** Ends the record's run, if there is one; resolves once that is certain to happen. */
  stop(record: JobRecord): Promise<void>;
  /** What is known without any call; undefined while nothing reliable is. */
  getCached(name: string): Observation | undefined;
  /** The run as it stands right now. */
  observe(name: string): Promise<Observation>;
  /** What a run measured, where its runner knows that and not its training's reports alone. */
  readMetrics?(record: JobRecord): JobMetrics | undefined;
  /**
   * The log of a run, of all its nodes, as it stands there; the last item says why it ends. It is read
   * only as fast as it is iterated; `signal` ends it. Absent where runs have no log.
   */
  readLogs?(
    record: JobRecord,
    query: LogQuery,
    signal: AbortSignal,
  ): Promise<AsyncIterable<LogItem>>;
  /** Calls `listener` with the name of every run that changes; returns how to stop that. */
  watch(listener: (name: string) => void): () => void;
}
