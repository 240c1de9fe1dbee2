import { formatCount, formatMetric } from '../format/number.ts';
import { type Curve, toPath, toStepAxis, toValueAxis } from './chart-scale.ts';

interface ChartProps {
  readonly name: string;
  readonly curve: Curve;
}

const SIZE = 1000;
const toPercent = (share: number) => `${(100 * share).toFixed(2)}%`;

/** A curve over the logarithm of the steps. The words and the table beside it say the same. */
export function Chart({ name, curve }: ChartProps) {
  const measured = curve.value.filter((value) => value !== null);
  if (measured.length === 0) return null;
  const [steps, values] = [toStepAxis(curve.step), toValueAxis(measured)];
  const [first = 0, last = first] = [measured[0], measured.at(-1)];
  const label = `${name}: from ${formatMetric(first)} to ${formatMetric(last)}`;
  return (
    <div class="chart" role="img" aria-label={label}>
      <svg class="chart-values" aria-hidden="true">
        {values.ticks.map(({ value, at }) => (
          <text key={value} x="100%" y={toPercent(1 - at)} dy="0.35em" text-anchor="end">
            {formatMetric(Number(value.toPrecision(6)))}
          </text>
        ))}
      </svg>
      <svg class="chart-plot" aria-hidden="true">
        {values.ticks.map(({ value, at }) => (
          <line key={value} x2="100%" y1={toPercent(1 - at)} y2={toPercent(1 - at)} />
        ))}
        <svg viewBox={`0 0 ${SIZE} ${SIZE}`} preserveAspectRatio="none" aria-hidden="true">
          <path d={toPath(curve, steps, values, SIZE)} />
        </svg>
      </svg>
      <svg class="chart-steps" aria-hidden="true">
        {steps.ticks.map(({ value, at }) => (
          <text key={value} x={toPercent(at)} y="14" text-anchor="middle">
            {formatCount(value)}
          </text>
        ))}
      </svg>
      <span class="chart-axis muted">{name} by step, log scale</span>
    </div>
  );
}
