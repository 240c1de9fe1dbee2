import type { ListOptions } from './client-options.ts';

/** The filters of the list that take one value: as `list` calls them, and as the address does. */
export const LIST_FILTERS = {
  model: 'model',
  method: 'method',
  provider: 'provider',
  reason: 'reason',
  phase: 'phase',
  backendJobId: 'backend_job_id',
  rerunOf: 'rerun_of',
  createdAfter: 'created_after',
  createdBefore: 'created_before',
} as const satisfies Readonly<Partial<Record<keyof ListOptions, string>>>;
