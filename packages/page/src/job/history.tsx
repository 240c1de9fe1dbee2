import type { History as Answer, Job } from '@trainer/client';
import { type TrainerService, toJobPath } from '../api/trainer-service.ts';
import { toWords } from '../format/words.ts';
import { Icon } from '../parts/icon.tsx';
import { Section } from '../parts/section.tsx';
import { Time } from '../parts/time.tsx';
import { useReading } from '../use-reading.ts';

interface HistoryProps {
  readonly service: TrainerService;
  readonly job: Job;
}

/** What happened to a job and who had it done, the newest first. */
export function History({ service, job }: HistoryProps) {
  const path = toJobPath(job.job_id, '/events');
  const { value } = useReading<Answer>(`${service.name} ${path}`, {
    read: (signal) => service.ask<Answer>(path, { signal }),
    paceMs: () => undefined,
    version: job.revision,
  });
  if (value === undefined || value.data.length === 0) return null;
  return (
    <Section title="Events">
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">At</th>
              <th scope="col">What</th>
              <th scope="col">By</th>
            </tr>
          </thead>
          <tbody>
            {value.data.toReversed().map((event) => (
              <tr key={event.id}>
                <td>
                  <Time value={event.time} form="clock" />
                </td>
                <td class="address">
                  {event.level !== 'info' && <Icon name="warning" />} {event.message}
                </td>
                <td class="muted">{toActor(event.actor)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  );
}

function toActor({ type, name }: Answer['data'][number]['actor']): string {
  return type === 'system' ? '' : (name ?? toWords(type));
}
