/**
 * The levels of packages/common/src, lowest first; a new file or folder is added here. A file
 * imports only from its own folder and from lower levels, so a top-level file also from the
 * top-level files of its own level.
 */
export const levels = [
  ['errors.ts', 'clock.ts', 'deadline-queue.ts', 'work-queue.ts', 'text.ts', 'kubernetes-names.ts'],
  ['config.ts', 'schemas/'],
  ['rules.ts', 'job-spec.ts', 'credentials.ts', 'fingerprint.ts', 's3-layout.ts'],
  ['train-job/'],
  ['job.ts'],
  ['stores/', 'runners/', 'leadership.ts', 'job-summary.ts', 'metrics.ts', 'logger.ts'],
  ['platform.ts'],
  ['kubernetes/', 'callbacks/'],
  ['controller/'],
  ['backend.ts'],
  ['http/'],
  ['create-platform.ts', 'service.ts', 'start-service.ts', 'render-request.ts'],
  ['index.ts'],
];
