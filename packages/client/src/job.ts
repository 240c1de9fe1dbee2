import type {
  CallbackEvent,
  CallbackPatchInput,
  CallbackSettings as CallbackSettingsAnswer,
  DeliveryList as DeliveryListAnswer,
  DeliveryStateName,
  History as HistoryAnswer,
  JobList as JobListAnswer,
  JobRequest as JobRequestAnswer,
  JobStatus,
  LogEndAnswer,
  LogEndReason,
  LogLineAnswer,
  MetricsResponse,
  PlanAnswer,
  Problem,
  ReplayAnswer as ReplayAnswerBody,
  RerunInput,
  TrainingRequestInput,
  TrainingResponse,
  VersionAnswer,
} from '@trainer/common/requests';

/** A value of `T`, or a text that a later version of the services may send. */
export type OrLater<T extends string> = T | (string & Record<never, never>);

/** What later versions may add. */
type WithLaterFields<T> = T & { readonly [field: string]: unknown };

/** The body of `submit`. */
export type TrainingRequest = TrainingRequestInput;

/** The body of `rerun`. */
export type RerunRequest = RerunInput;

/** A job as the services answer it. */
export type Job = WithLaterFields<
  Omit<TrainingResponse, 'status'> & { readonly status: OrLater<JobStatus> }
>;

/** One page of the jobs of a service. */
export type JobList = WithLaterFields<
  Omit<JobListAnswer, 'data'> & {
    readonly data: readonly WithLaterFields<
      Omit<JobListAnswer['data'][number], 'status'> & { readonly status: OrLater<JobStatus> }
    >[];
  }
>;

/** What a webhook receives about a job. */
export type JobEvent = WithLaterFields<
  Omit<CallbackEvent, 'status'> & { readonly status: OrLater<JobStatus> }
>;

/** What a job measured while it trained. */
export type Metrics = WithLaterFields<MetricsResponse>;

/** What a job was asked for, without credentials. */
export type JobRequest = WithLaterFields<JobRequestAnswer>;

/** What happened to a job, and who had it done. */
export type History = WithLaterFields<
  Omit<HistoryAnswer, 'data'> & {
    readonly data: readonly WithLaterFields<
      Omit<HistoryAnswer['data'][number], 'type'> & {
        readonly type: OrLater<HistoryAnswer['data'][number]['type']>;
      }
    >[];
  }
>;

/** One thing that happens to a job; what passes, such as its progress, has no `id`. */
export type FollowedEvent = WithLaterFields<
  Omit<HistoryAnswer['data'][number], 'id' | 'type'> & {
    readonly id?: number;
    readonly type: OrLater<
      HistoryAnswer['data'][number]['type'] | 'job.progress' | 'job.metrics' | 'job.gone'
    >;
  }
>;

/** What `follow` tells. */
export type Followed =
  | { readonly kind: 'event'; readonly event: FollowedEvent }
  /** Forget what was told: too much was missed, and all jobs follow as they are. */
  | { readonly kind: 'reset' }
  /** Some jobs as they are. */
  | { readonly kind: 'jobs'; readonly jobs: JobList['data'] };

/** How the final callback of a job fares. */
export interface Deliveries {
  readonly job_id: string;
  readonly outcome: OrLater<'none' | 'pending' | 'delivered' | 'gone' | 'expired'>;
  readonly attempt_count: number;
  readonly next_attempt_at: string | null;
  readonly replayed_at: string | null;
  readonly attempts: readonly {
    readonly at: string | null;
    /** Absent from services of before. */
    readonly event?: OrLater<'final' | 'update'>;
    readonly status: number | null;
    readonly duration_ms: number;
    readonly error: string | null;
  }[];
  readonly [field: string]: unknown;
}

/** What `changeCallbacks` changes: what is not there stays, null takes a part away. */
export type CallbackPatch = Partial<CallbackPatchInput>;

/** Where the callbacks of a job go. */
export type CallbackSettings = WithLaterFields<
  Omit<CallbackSettingsAnswer, 'event_filter'> & {
    readonly event_filter: readonly OrLater<JobStatus>[] | null;
  }
>;

/** What became of a final callback. */
export type DeliveryState = OrLater<DeliveryStateName>;

/** One page of the final callbacks of all jobs. */
export type DeliveryList = WithLaterFields<
  Omit<DeliveryListAnswer, 'data'> & {
    readonly data: readonly WithLaterFields<
      Omit<DeliveryListAnswer['data'][number], 'state'> & { readonly state: DeliveryState }
    >[];
  }
>;

/** Which callbacks are sent again. */
export type ReplayAnswer = WithLaterFields<ReplayAnswerBody>;

/** What runs at an address; the place only where this client may call. */
export type Version = WithLaterFields<
  Omit<VersionAnswer, 'runner'> & { readonly runner?: OrLater<'mock' | 'local' | 'kubernetes'> }
>;

/** What a service would make of a request. */
export type Plan = WithLaterFields<PlanAnswer>;

/** A line of a log. */
export type LogLine = WithLaterFields<LogLineAnswer>;

/** Why a log ends. */
export type LogEnd = WithLaterFields<
  Omit<LogEndAnswer, 'reason'> & { readonly reason: OrLater<LogEndReason> }
>;

/** Why a service refused (RFC 9457). */
export type ProblemDocument = WithLaterFields<
  Omit<Problem, 'code'> & { readonly code: OrLater<Problem['code']> }
>;

/** Whether it is the last item of a log. */
export function isLogEnd(item: LogLine | LogEnd): item is LogEnd {
  return item.end === true;
}

/** Whether nothing more will happen to it; a status of a later version counts once it has an end. */
export function isEnded({ status, timestamps }: Pick<Job, 'status' | 'timestamps'>): boolean {
  if (['succeeded', 'failed', 'cancelled'].includes(status)) return true;
  return !['submitted', 'running'].includes(status) && typeof timestamps?.ended_at === 'string';
}
