import type { TrainJobTarget } from '../runners/kubeflow/trainjob/manifest.ts';
import type { JobPlan, JobRecord, Observation } from './job.ts';
import type { JobSpec } from './job-spec.ts';

export type StartOutcome =
  /** It runs, by this call or an earlier one. */
  | { readonly outcome: 'started'; readonly runId: string }
  /** It will never run as it stands; `detail` is one sentence in the place's own words. */
  | { readonly outcome: 'refused'; readonly detail: string }
  /** The same, since its place has changed from what the plan was made for; a new plan may do. */
  | { readonly outcome: 'outdated'; readonly detail: string }
  /** Our own account may not start anything; what it lacks is in the log, `detail` is for callers. */
  | { readonly outcome: 'forbidden'; readonly detail: string }
  /** Not now: something else of that name is still going away, or the outcome is not known. */
  | { readonly outcome: 'later'; readonly detail: string };

/**
 * Where jobs execute. It starts, stops and observes; it decides nothing and knows neither backends
 * nor callbacks. A place that cannot be reached throws a TrainerError CLUSTER_UNAVAILABLE.
 */
export interface JobRunner {
  open(): Promise<void>;
  close(): Promise<void>;
  unready(): string | undefined;

  /** What the manifest of a job with this runtime may use. */
  describeTarget(runtime: JobSpec['runtime']): Promise<TrainJobTarget>;
  /** Starts the record's job; repeating it never makes a second run. */
  start(record: JobRecord, plan: JobPlan): Promise<StartOutcome>;
  /** Ends the record's run, if there is one; resolves once that is certain to happen. */
  stop(record: JobRecord): Promise<void>;
  /** What is known without any call; undefined while nothing reliable is. */
  peek(name: string): Observation | undefined;
  /** The run as it stands right now. */
  observe(name: string): Promise<Observation>;
  /** Calls `listener` with the name of every run that changes. */
  watch(listener: (name: string) => void): () => void;
  /** Told whether this process acts on jobs, so that only one pays for what only the actor needs. */
  lead?(isLeader: boolean): void;
}
