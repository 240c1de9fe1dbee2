/** What can run jobs, as operators name it. */
export const RUNNERS = ['mock', 'local', 'kubernetes'] as const;
