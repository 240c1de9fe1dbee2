import type { Job } from '@trainer/client';
import type { EventFeeds } from '../api/event-feeds.ts';
import type { TrainerService } from '../api/trainer-service.ts';
import { formatCount } from '../format/number.ts';
import { toWords } from '../format/words.ts';
import { Section } from '../parts/section.tsx';
import { Chart } from './chart.tsx';
import type { Curve } from './chart-scale.ts';
import { SeriesTable } from './series-table.tsx';
import { useMetrics } from './use-metrics.ts';

interface MeasurementsProps {
  readonly service: TrainerService;
  readonly job: Job;
  readonly feeds: EventFeeds;
}

interface SeriesProps {
  readonly name: string;
  readonly curve: Curve;
  readonly nonFinite: number | undefined;
}

/** What a training measured: its loss, and the rest for whoever opens it. */
export function Measurements({ service, job, feeds }: MeasurementsProps) {
  const metrics = useMetrics(service, job, feeds);
  if (metrics === undefined) return null;
  const { loss, ...others } = metrics.series;
  if (Object.keys(metrics.series).length === 0) return null;
  return (
    <Section title="Measurements">
      {loss !== undefined && (
        <Series name="Loss" curve={loss} nonFinite={metrics.non_finite.loss} />
      )}
      {Object.entries(others).map(([name, curve]) => (
        <details class="series" key={name}>
          <summary>{toWords(name)}</summary>
          <Series name={toWords(name)} curve={curve} nonFinite={metrics.non_finite[name]} />
        </details>
      ))}
    </Section>
  );
}

function Series({ name, curve, nonFinite = 0 }: SeriesProps) {
  return (
    <>
      <Chart name={name} curve={curve} />
      {nonFinite > 0 && (
        <p class="bad">
          {nonFinite === 1
            ? '1 value was no finite number.'
            : `${formatCount(nonFinite)} values were no finite numbers.`}
        </p>
      )}
      <SeriesTable name={name} curve={curve} />
    </>
  );
}
