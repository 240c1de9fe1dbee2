import type { Job } from '@trainer/client';
import { formatDuration } from '../format/duration.ts';
import { toWords } from '../format/words.ts';
import { Section } from '../parts/section.tsx';
import { useNow } from '../parts/use-now.ts';
import { isEnded } from './is-ended.ts';
import { sumByPhase, toTimeSpans } from './time-spans.ts';

/** Where the time of a job went, as one bar and in words, and what it is spent on now. */
export function TimeBar({ job }: { readonly job: Job }) {
  const spans = toTimeSpans(job, useNow());
  const totalMs = spans.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
  const current = isEnded(job) ? undefined : job.phases.at(-1);
  return (
    <Section title="Time" aside={<span class="muted">{formatDuration(totalMs)} in all</span>}>
      <div class="time-bar" aria-hidden="true">
        {spans.map(({ phase, message, fromMs, toMs }) => (
          <span
            key={`${phase} ${fromMs}`}
            class={toClass(phase)}
            title={message}
            style={{ flexGrow: toMs - fromMs }}
          />
        ))}
      </div>
      <ul class="legend">
        {sumByPhase(spans).map(({ phase, owner, ms }) => (
          <li key={`${phase} ${owner}`}>
            <span class={`swatch ${toClass(phase)}`} aria-hidden="true" />
            {phase === undefined ? 'Unaccounted for' : toWords(phase)}{' '}
            {/* What a training spends is its own. */}
            {owner !== undefined && owner !== 'training' && <span class="muted">{owner} </span>}
            <span class="number">{formatDuration(ms)}</span>
          </li>
        ))}
      </ul>
      {current !== undefined && <p class="muted">{current.message}</p>}
    </Section>
  );
}

function toClass(phase: string | undefined): string {
  return `span-${phase ?? 'unaccounted'}`;
}
