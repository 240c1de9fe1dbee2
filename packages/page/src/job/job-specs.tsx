import type { Job } from '@trainer/client';
import { JsonDetails } from '../parts/json-details.tsx';
import { Section } from '../parts/section.tsx';
import { toResolvedRequest } from './resolved-request.ts';

/** What was handed to the runner, for whoever wants to know exactly. */
export function JobSpecs({ job }: { readonly job: Job }) {
  const { train_job, ...spec } = job.metadata.job_spec;
  const request = toResolvedRequest(train_job);
  return (
    <Section title="What runs">
      {request !== undefined && <JsonDetails title="Request with defaults" value={request} />}
      <JsonDetails title="Job spec" value={spec} />
      {train_job !== undefined && <JsonDetails title="TrainJob" value={train_job} />}
    </Section>
  );
}
