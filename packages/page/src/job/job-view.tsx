import type { Job } from '@trainer/client';
import { Fragment } from 'preact';
import { useEffect } from 'preact/hooks';
import type { TrainerService } from '../api/trainer-service.ts';
import { toWords } from '../format/words.ts';
import { LastUpdate } from '../parts/last-update.tsx';
import { ReadingNotice } from '../parts/reading-notice.tsx';
import { useEventFeeds } from '../use-event-feeds.ts';
import { Checkpoints } from './checkpoints.tsx';
import { Deliveries } from './deliveries.tsx';
import { History } from './history.tsx';
import { JobHeader } from './job-header.tsx';
import { JobSpecs } from './job-specs.tsx';
import { Log } from './log.tsx';
import { Measurements } from './measurements.tsx';
import { Result } from './result.tsx';
import { TimeBar } from './time-bar.tsx';
import { useJob } from './use-job.ts';

interface JobViewProps {
  readonly service: TrainerService;
  readonly jobId: string;
  /** When the job that is meant was there already, if it matters. */
  readonly madeBefore?: string | undefined;
}

/** All that a service tells of one job. */
export function JobView({ service, jobId, madeBefore }: JobViewProps) {
  const feeds = useEventFeeds([service], jobId);
  const reading = useJob(service, jobId, feeds);
  const job = reading.value;
  useEffect(() => {
    document.title = job === undefined ? `${jobId} · Trainer` : `${toWords(job.status)} · ${jobId}`;
  }, [jobId, job?.status]);
  return (
    <article class="job" aria-busy={job === undefined && reading.error === undefined}>
      <ReadingNotice service={service} reading={reading} />
      {job === undefined && <h1 class="id">{jobId}</h1>}
      {job !== undefined && (
        // An id that was forgotten may be used again, for a job of which nothing is known yet.
        <Fragment key={job.timestamps.created_at}>
          {isMadeAfter(job, madeBefore) && (
            <p class="notice" role="status">
              The {jobId} that was run again was forgotten; this is a later job of the same id.
            </p>
          )}
          <JobHeader service={service} job={job} onChange={reading.refresh} />
          <p class="visually-hidden" role="status">
            {`${jobId}: ${toWords(job.status)}`}
          </p>
          <TimeBar job={job} />
          <Measurements service={service} job={job} feeds={feeds} />
          <Result job={job} />
          <Checkpoints job={job} />
          <Deliveries service={service} job={job} />
          <History service={service} job={job} />
          <Log service={service} job={job} />
          <JobSpecs service={service} job={job} />
          <p class="muted">
            <LastUpdate feeds={feeds} readAtMs={reading.readAtMs} />
          </p>
        </Fragment>
      )}
    </article>
  );
}

function isMadeAfter({ timestamps }: Job, time: string | undefined): boolean {
  return time !== undefined && Date.parse(timestamps.created_at ?? '') > Date.parse(time);
}
