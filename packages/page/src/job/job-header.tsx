import type { Job } from '@trainer/client';
import type { TrainerService } from '../api/trainer-service.ts';
import { toWords } from '../format/words.ts';
import { CopyButton } from '../parts/copy-button.tsx';
import { Facts } from '../parts/facts.tsx';
import { Icon } from '../parts/icon.tsx';
import { Progress } from '../parts/progress.tsx';
import { Status } from '../parts/status.tsx';
import { Time } from '../parts/time.tsx';
import { toJobHash } from '../route.ts';
import { CancelButton } from './cancel-button.tsx';
import { isEnded } from './is-ended.ts';
import { RerunButton } from './rerun-button.tsx';

interface JobHeaderProps {
  readonly service: TrainerService;
  readonly job: Job;
  readonly onChange: () => Promise<void>;
}

/** Which job it is, how it fares in one sentence, and the one thing to do next. */
export function JobHeader({ service, job, onChange }: JobHeaderProps) {
  const { job_id, status, reason, detail, phase, progress, timestamps, metadata } = job;
  return (
    <header class="job-header">
      <div class="title-row">
        <h1>
          <span class="id">{job_id}</span>
          <CopyButton text={job_id} what="the job's id" />
        </h1>
        {isEnded(job) ? (
          <RerunButton service={service} job={job} />
        ) : (
          <CancelButton service={service} jobId={job_id} onChange={onChange} />
        )}
      </div>
      <div class="state-row">
        <Status status={status} />
        {phase && <span class="tag">{toWords(phase)}</span>}
        {reason !== status.toUpperCase() && <code class="reason">{reason}</code>}
        {!isEnded(job) && (
          <Progress
            percentage={progress?.percentage}
            remainingSeconds={progress?.estimated_remaining_seconds}
            label={`Progress of ${job_id}`}
          />
        )}
      </div>
      <p class={status === 'failed' ? 'detail bad' : 'detail'}>{detail}</p>
      {metadata.warnings.length > 0 && (
        <ul class="warnings">
          {metadata.warnings.map((warning) => (
            <li key={warning}>
              <Icon name="warning" />
              {warning}
            </li>
          ))}
        </ul>
      )}
      <Facts
        of={[
          ['Service', service.name],
          ['Runs as', <code key="name">{job.backend_job_id}</code>],
          ['Created', <Time key="created" value={timestamps.created_at} />],
          [
            'Started',
            timestamps.started_at && <Time key="started" value={timestamps.started_at} />,
          ],
          [
            'Run again from',
            job.rerun_of && (
              <JobLink key="of" of={job.rerun_of} in={service} madeBefore={timestamps.created_at} />
            ),
          ],
          [
            'Run again as',
            job.reruns?.length > 0
              ? job.reruns.map((id) => <JobLink key={id} of={id} in={service} />)
              : undefined,
          ],
          ['Ended', timestamps.ended_at && <Time key="ended" value={timestamps.ended_at} />],
        ]}
      />
    </header>
  );
}

interface JobLinkProps {
  readonly of: string;
  readonly in: TrainerService;
  readonly madeBefore?: string | null;
}

function JobLink({ of, in: service, madeBefore }: JobLinkProps) {
  return (
    <a class="id" href={toJobHash(service.name, of, madeBefore)}>
      {of}{' '}
    </a>
  );
}
