import type { Deliveries as Answer, Job } from '@trainer/client';
import { useState } from 'preact/hooks';
import { ServiceError } from '../api/service-error.ts';
import { type TrainerService, toJobPath } from '../api/trainer-service.ts';
import { formatDuration } from '../format/duration.ts';
import { toWords } from '../format/words.ts';
import { Section } from '../parts/section.tsx';
import { Time } from '../parts/time.tsx';
import { useReading } from '../use-reading.ts';
import { isEnded } from './is-ended.ts';

interface DeliveriesProps {
  readonly service: TrainerService;
  readonly job: Job;
}

const PACE_MS = 60_000;

/** How the final callback of an ended job fares: each attempt, its answer, and another try. */
export function Deliveries({ service, job }: DeliveriesProps) {
  const path = toJobPath(job.job_id, '/deliveries');
  const { value, refresh } = useReading<Answer>(`${service.name} ${path}`, {
    read: (signal) => service.ask<Answer>(path, { signal }),
    paceMs: () => PACE_MS,
    // Attempts at the final callback are events.
    version: job.revision,
  });
  const [failure, setFailure] = useState('');
  if (value === undefined || value.outcome === 'none' || !isEnded(job)) return null;
  const replay = async () => {
    setFailure('');
    try {
      await service.ask(`${path}/replay`, { method: 'POST' });
      await refresh();
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      setFailure(error.message);
    }
  };
  const button = (
    <button type="button" onClick={() => void replay()}>
      Send it again
    </button>
  );
  return (
    <Section title="Final callback" aside={button}>
      <p>
        {toWords(value.outcome)} after {value.attempt_count}{' '}
        {value.attempt_count === 1 ? 'attempt' : 'attempts'}
        {value.replayed_at !== null && (
          <>
            , sent again at <Time value={value.replayed_at} form="clock" />
          </>
        )}
        {value.next_attempt_at !== null && (
          <>
            , the next one at <Time value={value.next_attempt_at} form="clock" />
          </>
        )}
      </p>
      <p class="bad" role="alert">
        {failure}
      </p>
      {value.attempts.length > 0 && <Attempts attempts={value.attempts} />}
    </Section>
  );
}

function Attempts({ attempts }: Pick<Answer, 'attempts'>) {
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">At</th>
            <th scope="col">Answer</th>
            <th scope="col" class="right">
              Took
            </th>
          </tr>
        </thead>
        <tbody>
          {attempts.toReversed().map(({ at, event, status, error, duration_ms }) => (
            <tr key={at}>
              <td>
                <Time value={at} form="clock" />
              </td>
              <td>
                {[status, error, event === 'update' ? 'to an update' : null]
                  .filter((part) => part !== null)
                  .join(' · ')}
              </td>
              <td class="right">
                {duration_ms < 1000 ? `${duration_ms} ms` : formatDuration(duration_ms)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
