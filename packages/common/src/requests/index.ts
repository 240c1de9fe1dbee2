export {
  type CallbackPatchInput,
  CallbackPatchSchema,
  type CallbackSettings,
  CallbackSettingsSchema,
} from './callback-patch.ts';
export {
  type DeliveryList,
  DeliveryListSchema,
  type DeliveryStateName,
  type ReplayAnswer,
  ReplayAnswerSchema,
  type ReplayRequest,
} from './delivery-list.ts';
export {
  ExtraParametersSchema,
  type MockScript,
} from './extra-parameters.ts';
export { type History, type HistoryEvent, HistorySchema } from './history.ts';
export { type JobList, JobListSchema } from './job-list.ts';
export { type JobRequest, JobRequestSchema } from './job-request.ts';
export { JOB_STATUSES, JobIdSchema, type JobStatus, JobStatusSchema } from './job-status.ts';
export { examineJson, type JsonFindings } from './json-text.ts';
export {
  type LogEndAnswer,
  type LogEndReason,
  LogEndSchema,
  type LogLineAnswer,
  LogLineSchema,
} from './log-lines.ts';
export { type MetricsResponse, MetricsResponseSchema } from './metrics-response.ts';
export { parseTrainingRequest } from './parse-training-request.ts';
export { type PlanAnswer, PlanSchema } from './plan.ts';
export { type Problem, ProblemSchema } from './problem.ts';
export type { RerunInput, RerunStart } from './rerun.ts';
export {
  METHODS,
  PROVIDERS,
  type TrainingRequest,
  type TrainingRequestInput,
  TrainingRequestSchema,
} from './training-request.ts';
export {
  type CallbackEvent,
  CallbackEventSchema,
  type Progress,
  ProgressSchema,
  type TrainingResponse,
  TrainingResponseSchema,
} from './training-response.ts';
export { type VersionAnswer, VersionSchema } from './version.ts';
