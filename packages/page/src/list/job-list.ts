import type { JobList as AnsweredList, Job } from '@trainer/client';

/** One job of `GET /train`. */
export type JobRow = Pick<
  Job,
  'job_id' | 'backend_job_id' | 'status' | 'reason' | 'detail' | 'phase' | 'progress' | 'timestamps'
> &
  // A service of an earlier release does not tell them.
  Partial<
    Pick<
      AnsweredList['data'][number],
      'model' | 'method' | 'gpus' | 'revision' | 'delivery' | 'rerun_of' | 'reruns'
    >
  >;

/** The answer of `GET /train`. */
export interface JobList {
  readonly data: readonly JobRow[];
  readonly has_more: boolean;
  readonly next_cursor: string | null;
  readonly counts: Readonly<Record<string, number>>;
}
