export type { Pace } from './backoff.ts';
export type {
  CallOptions,
  CancelOptions,
  FollowOptions,
  ListOptions,
  LogOptions,
  MetricsOptions,
  TrainerClientOptions,
  WaitOptions,
} from './client-options.ts';
export {
  type CallbackPatch,
  type CallbackSettings,
  type Deliveries,
  type DeliveryList,
  type DeliveryState,
  type Followed,
  type FollowedEvent,
  type History,
  isEnded,
  isLogEnd,
  type Job,
  type JobEvent,
  type JobList,
  type JobRequest,
  type LogEnd,
  type LogLine,
  type Metrics,
  type OrLater,
  type Plan,
  type ProblemDocument,
  type ReplayAnswer,
  type RerunRequest,
  type TrainingRequest,
  type Version,
} from './job.ts';
export { LIST_FILTERS } from './list-filters.ts';
export { toNextId } from './next-id.ts';
export { isAskable } from './paths.ts';
export type { LogItem } from './read-log.ts';
export {
  type ClientErrorCode,
  TrainerApiError,
  type TrainerErrorCode,
} from './trainer-api-error.ts';
export { type Submitted, TrainerClient } from './trainer-client.ts';
export {
  type CallbackChecks,
  CallbackError,
  type CallbackErrorCode,
  type CallbackRequest,
  type VerifiedCallback,
  verifyCallback,
} from './verify-callback.ts';
