import { useState } from 'preact/hooks';
import { formatCount, formatMetric } from '../format/number.ts';
import type { Curve } from './chart-scale.ts';

interface SeriesTableProps {
  readonly name: string;
  readonly curve: Curve;
}

/** The numbers behind a chart, made when they are opened. */
export function SeriesTable({ name, curve }: SeriesTableProps) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details class="series-table" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{name} as a table</summary>
      {isOpen && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, which the keyboard must reach.
        <section class="scroll" aria-label={`${name} as a table`} tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col" class="right">
                  Step
                </th>
                <th scope="col" class="right">
                  {name}
                </th>
              </tr>
            </thead>
            <tbody>
              {curve.step.map((step, index) => {
                const value = curve.value[index] ?? null;
                return (
                  <tr key={index}>
                    <td class="right">{formatCount(step)}</td>
                    <td class="right">{value === null ? 'not finite' : formatMetric(value)}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </section>
      )}
    </details>
  );
}
