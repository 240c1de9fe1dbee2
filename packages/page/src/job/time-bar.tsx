import type { Job } from '@trainer/client';
import { formatDuration } from '../format/duration.ts';
import { Section } from '../parts/section.tsx';
import { useNow } from '../parts/use-now.ts';
import { toTimeSpans } from './time-spans.ts';

/** Where the time of a job went, as one bar and in words. */
export function TimeBar({ job }: { readonly job: Job }) {
  const spans = toTimeSpans(job, useNow());
  const totalMs = spans.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
  return (
    <Section title="Time" aside={<span class="muted">{formatDuration(totalMs)} in all</span>}>
      <div class="time-bar" aria-hidden="true">
        {spans.map(({ name, fromMs, toMs }) => (
          <span
            key={name}
            class={`span-${name.toLowerCase()}`}
            style={{ flexGrow: toMs - fromMs }}
          />
        ))}
      </div>
      <ul class="legend">
        {spans.map(({ name, fromMs, toMs }) => (
          <li key={name}>
            <span class={`swatch span-${name.toLowerCase()}`} aria-hidden="true" />
            {name} <span class="number">{formatDuration(toMs - fromMs)}</span>
          </li>
        ))}
      </ul>
    </Section>
  );
}
