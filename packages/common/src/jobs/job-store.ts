import type { RerunStart } from '../requests/rerun.ts';
import type { Attachment } from './attachment.ts';
import type { EventSlot } from './history.ts';
import type {
  CallbackTarget,
  JobDraft,
  JobPayload,
  JobRecord,
  JsonObject,
  PlannedJob,
  RunnerPlan,
} from './job.ts';
import type { Actor, JobEvent } from './job-event.ts';

export type CreateOutcome =
  | { readonly outcome: 'created'; readonly record: JobRecord }
  | { readonly outcome: 'exists'; readonly record: JobRecord }
  /** The name is taken by something that is no record of ours, or by one that is being deleted. */
  | { readonly outcome: 'taken'; readonly detail: string };

/** The parts of a record that may change. */
export type RecordChange = Partial<
  Pick<
    JobRecord,
    | 'runId'
    | 'state'
    | 'delivery'
    | 'warnings'
    | 'areCredentialsGone'
    | 'reported'
    | 'result'
    | 'stopAtMs'
    | 'hasWebhook'
    | 'webhookOrigin'
    | 'webhookAuth'
    | 'callbackRevision'
  >
> & {
  /** Replaces what the runner made of the job. */
  readonly prepared?: RunnerPlan;
  /** Replaces where callbacks go; comes with the four fields of the record that tell of it. */
  readonly callback?: {
    readonly target: CallbackTarget | undefined;
    /** What of it is another than before, as a request names it; for its history. */
    readonly changed?: readonly string[];
  };
  /** Replaces what is kept beside the record. */
  readonly attachments?: Readonly<Partial<Record<Exclude<Attachment, EventSlot>, JsonObject>>>;
  /** Who had it changed, for its history; by default the system. */
  readonly by?: Actor;
  /** Tells that another job was made of it; changes nothing but its history. */
  readonly rerun?: { readonly jobId: string; readonly from: RerunStart };
  /** When what it tells of happened, in UNIX milliseconds, where nothing else of the change says so. */
  readonly atMs?: number;
};

/**
 * Where the records of one backend's jobs live. Expected outcomes are returned; a store that cannot
 * be reached throws a TrainerError CLUSTER_UNAVAILABLE. `name` is always the record's name.
 */
export interface JobStore {
  /** Starts watching; `list` has been complete once `notReadyReason` says nothing. */
  open(): Promise<void>;
  /** Stops watching; harmless when repeated. */
  close(): Promise<void>;
  /** One sentence on why there is nothing yet to answer from, or undefined. */
  notReadyReason(): string | undefined;
  /** For how long what is known here may have missed changes; infinite before the first list. */
  behindForMs(): number;

  /**
   * Writes a new record, whose history begins with who had it made; of several callers with one name,
   * exactly one gets `created`.
   */
  create(draft: JobDraft, payload: JobPayload, by?: Actor): Promise<CreateOutcome>;
  /** The newest known record; one that is not known is looked up, and absence is never remembered. */
  get(name: string): Promise<JobRecord | undefined>;
  /** What is known without any call. */
  getCached(name: string): JobRecord | undefined;
  /** The record as it stands right now, whatever is known here. */
  getLive(name: string): Promise<JobRecord | undefined>;
  list(): Iterable<JobRecord>;
  count(): number;
  /** The whole payload, read without a cache: callers keep nothing of it longer than they need. */
  readPayload(record: JobRecord): Promise<JobPayload | undefined>;
  /** What was asked and what was made of it; changes only with the record's version. */
  readPlan(record: JobRecord): Promise<PlannedJob | undefined>;
  /** What is kept beside the record under a name; undefined where there is nothing that can be read. */
  readAttachment(record: JobRecord, name: Attachment): Promise<JsonObject | undefined>;
  /** What is kept of the job's history, oldest first. */
  readEvents(record: JobRecord): Promise<readonly JobEvent[]>;
  /**
   * The newest version up to which every change of every record is known here; only of a store whose
   * versions are whole numbers that grow with each change of any record, and are the same everywhere.
   */
  seenUpTo?(): string;
  /** Applies `change`, and adds what it tells to the history (see `toEvents`), when the record still is as given; undefined when it is not, or is gone. */
  update(record: JobRecord, change: RecordChange): Promise<JobRecord | undefined>;
  /**
   * Deletes the training credentials and, once the callback is settled, the webhook's, leaving all
   * else (see `purgePayload`); like `update` in its answer.
   */
  purgeCredentials(record: JobRecord): Promise<JobRecord | undefined>;
  /** Deletes the record when it still is as given; whether it is gone. */
  delete(record: JobRecord): Promise<boolean>;
  /** Calls `listener` with the name of every record that is created, changed or deleted. */
  watch(listener: (name: string) => void): () => void;
}
