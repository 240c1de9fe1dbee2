import type { Followed, Job } from '@trainer/client';

const NOTHING: Followed = { kind: 'jobs', jobs: [] };

/**
 * Leaves, of what is told of jobs, what is about one that has one of the statuses, or had it until
 * then, as a stream of these statuses does; all of it where none are given.
 */
export class StatusFilter {
  readonly #statuses: ReadonlySet<unknown> | undefined;
  readonly #known = new Map<string, unknown>();

  constructor(statuses: readonly string[] | undefined) {
    this.#statuses = statuses && new Set(statuses);
  }

  note({ job_id: jobId, status }: Pick<Job, 'job_id' | 'status'>): void {
    this.#known.set(jobId, status);
  }

  filter(followed: Followed): Followed {
    const statuses = this.#statuses;
    if (statuses === undefined || followed.kind === 'reset') return followed;
    if (followed.kind === 'jobs') {
      for (const job of followed.jobs) this.note(job);
      return { kind: 'jobs', jobs: followed.jobs.filter(({ status }) => statuses.has(status)) };
    }
    const { type, job_id: jobId, data } = followed.event;
    const before = this.#known.get(jobId);
    const now = type === 'job.state' ? data.status : before;
    this.#known.set(jobId, now);
    return statuses.has(before) || statuses.has(now) ? followed : NOTHING;
  }
}
