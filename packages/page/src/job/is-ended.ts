import type { Job } from '@trainer/client';

const ENDS = new Set<string>(['succeeded', 'failed', 'cancelled']);

/** Whether nothing more will happen to a job. */
export function isEnded({ status }: Pick<Job, 'status'>): boolean {
  return ENDS.has(status);
}
