import type { Job, JobRequest } from '@trainer/client';
import { type TrainerService, toJobPath } from '../api/trainer-service.ts';
import { JsonDetails } from '../parts/json-details.tsx';
import { Section } from '../parts/section.tsx';
import { useReading } from '../use-reading.ts';

interface JobSpecsProps {
  readonly service: TrainerService;
  readonly job: Job;
}

/** What was asked for and what was handed to the runner, for whoever wants to know exactly. */
export function JobSpecs({ service, job }: JobSpecsProps) {
  const { train_job, ...spec } = job.metadata.job_spec;
  const path = toJobPath(job.job_id, '/request');
  // It never changes, but another job may take the id.
  const key = `${service.name} ${path} ${job.timestamps.created_at}`;
  const { value: asked } = useReading<JobRequest>(key, {
    read: (signal) => service.ask<JobRequest>(path, { signal }),
    paceMs: () => undefined,
  });
  return (
    <Section title="What runs">
      {asked?.request && <JsonDetails title="Request" value={asked.request} />}
      {asked?.resolved_request && (
        <JsonDetails title="Request with defaults" value={asked.resolved_request} />
      )}
      <JsonDetails title="Job spec" value={spec} />
      {train_job !== undefined && <JsonDetails title="TrainJob" value={train_job} />}
    </Section>
  );
}
