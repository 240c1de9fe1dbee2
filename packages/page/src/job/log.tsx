import type { Job } from '@trainer/client';
import { useState } from 'preact/hooks';
import { type TrainerService, toJobPath } from '../api/trainer-service.ts';
import { ReadingNotice } from '../parts/reading-notice.tsx';
import { useReading } from '../use-reading.ts';
import { isEnded } from './is-ended.ts';

interface LogProps {
  readonly service: TrainerService;
  readonly job: Job;
}

const LINES = 200;
const LIVE_MS = 3000;

/** The end of what a job writes, which is read only while somebody has it open. */
export function Log({ service, job }: LogProps) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details class="json" onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>Log</summary>
      {isOpen && <Lines service={service} job={job} />}
    </details>
  );
}

function Lines({ service, job }: LogProps) {
  const path = toJobPath(job.job_id, `/logs?tail=${LINES}`);
  const reading = useReading<string>(`${service.name} ${path} ${job.status}`, {
    read: async (signal) => {
      const answer = await service.open(path, { signal, headers: { accept: 'text/plain' } });
      return answer.text();
    },
    paceMs: () => (isEnded(job) ? undefined : LIVE_MS),
  });
  const { value } = reading;
  return (
    <>
      <ReadingNotice service={service} reading={reading} />
      {value !== undefined && (
        <section class="scroll" aria-label="Log">
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, which the keyboard must reach. */}
          <pre tabIndex={0}>{value === '' ? 'Nothing was written yet.' : value}</pre>
        </section>
      )}
    </>
  );
}
