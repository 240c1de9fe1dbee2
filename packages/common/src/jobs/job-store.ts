import type { JobDraft, JobPayload, JobPlan, JobRecord } from './job.ts';

export type CreateOutcome =
  | { readonly outcome: 'created'; readonly record: JobRecord }
  | { readonly outcome: 'exists'; readonly record: JobRecord }
  /** The name is taken by something that is no record of ours, or by one that is being deleted. */
  | { readonly outcome: 'taken'; readonly detail: string };

/** The parts of a record that may change. */
export type RecordChange = Partial<
  Pick<JobRecord, 'runId' | 'state' | 'delivery' | 'areCredentialsGone'>
>;

/**
 * Where the records of one backend's jobs live. Expected outcomes are returned; a store that cannot
 * be reached throws a TrainerError CLUSTER_UNAVAILABLE. `name` is always the record's name.
 */
export interface JobStore {
  /** Starts watching; `get` and `list` are complete once `unready` says nothing. */
  open(): Promise<void>;
  /** Stops watching; harmless when repeated. */
  close(): Promise<void>;
  /** One sentence on why the store cannot be relied on right now, or undefined. */
  unready(): string | undefined;

  /** Writes a new record; of several callers with one name, exactly one gets `created`. */
  create(draft: JobDraft, payload: JobPayload): Promise<CreateOutcome>;
  /** The newest known record; one that is not known is looked up, and absence is never remembered. */
  get(name: string): Promise<JobRecord | undefined>;
  /** What is known without any call. */
  peek(name: string): JobRecord | undefined;
  /** The record as it stands right now, whatever is known here. */
  read(name: string): Promise<JobRecord | undefined>;
  list(): Iterable<JobRecord>;
  count(): number;
  /** The whole payload, read anew: callers keep nothing of it longer than they need. */
  readPayload(record: JobRecord): Promise<JobPayload | undefined>;
  /** What was asked and what was made of it, which never changes and may be remembered. */
  readPlan(record: JobRecord): Promise<JobPlan | undefined>;
  /** Applies `change` when the record still is as given; undefined when it is not, or is gone. */
  update(record: JobRecord, change: RecordChange): Promise<JobRecord | undefined>;
  /** Deletes the training credentials, leaving all else; like `update` in its answer. */
  forgetCredentials(record: JobRecord): Promise<JobRecord | undefined>;
  /** Deletes the record when it still is as given; whether it is gone. */
  delete(record: JobRecord): Promise<boolean>;
  /** Calls `listener` with the name of every record that is created, changed or deleted. */
  watch(listener: (name: string) => void): () => void;
}
