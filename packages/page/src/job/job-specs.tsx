import type { Job } from '@trainer/client';
import { JsonDetails } from '../parts/json-details.tsx';
import { Section } from '../parts/section.tsx';

/** What was handed to the runner, for whoever wants to know exactly. */
export function JobSpecs({ job }: { readonly job: Job }) {
  const { train_job, ...spec } = job.metadata.job_spec;
  return (
    <Section title="What runs">
      <JsonDetails title="Job spec" value={spec} />
      {train_job !== undefined && <JsonDetails title="TrainJob" value={train_job} />}
    </Section>
  );
}
