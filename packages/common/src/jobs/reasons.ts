/** Why a status is what it is: stable codes, documented in docs/KUBERNETES.md. */
export const REASONS = [
  'ACCEPTED',
  'QUEUED',
  'INITIALIZING',
  'PENDING',
  'INSUFFICIENT_RESOURCES',
  'QUOTA_EXCEEDED',
  'IMAGE_PULL_FAILED',
  'POD_BLOCKED',
  'RUNTIME_REJECTED',
  'RUNNING',
  'COMPLETED',
  'TRAINING_FAILED',
  'OUT_OF_MEMORY',
  'POD_FAILED',
  'MAX_RESTARTS_REACHED',
  'DEADLINE_EXCEEDED',
  'SUBMISSION_REFUSED',
  'CANCELLED_BY_REQUEST',
  'DELETED',
  'RECORD_UNREADABLE',
] as const;
export type Reason = (typeof REASONS)[number];

/** Reasons of waiting that only whoever looks into it can tell. */
export const DIAGNOSED_REASONS: readonly Reason[] = [
  'INSUFFICIENT_RESOURCES',
  'QUOTA_EXCEEDED',
  'IMAGE_PULL_FAILED',
  'POD_BLOCKED',
  'RUNTIME_REJECTED',
  'OUT_OF_MEMORY',
  'POD_FAILED',
];
