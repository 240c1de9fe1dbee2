import type { Metrics, TrainerClient } from '@trainer/client';
import type { CliContext } from '../cli-context.ts';
import { drawCurve } from '../draw-curve.ts';
import { printable } from '../table.ts';

const DEFAULT_COLUMNS = 80;
/** Wider curves are harder to read. */
const MAX_COLUMNS = 120;
const DEFAULT_NAME = 'loss';

/** Draws one metric of a job over its steps, and prints the newest value of each. */
export async function showMetrics(
  client: TrainerClient,
  {
    jobId,
    name,
    json,
  }: { readonly jobId: string; readonly name: string | undefined; readonly json: boolean },
  { signal, stdout }: Pick<CliContext, 'signal' | 'stdout'>,
): Promise<void> {
  const names = json && name !== undefined ? { names: [name] } : {};
  const metrics = await client.metrics(jobId, { signal, ...names });
  if (json) stdout.write(`${JSON.stringify(metrics, null, 2)}\n`);
  else {
    const columns = Math.min(MAX_COLUMNS, stdout.columns ?? DEFAULT_COLUMNS);
    stdout.write(printable(`${describe(metrics, name ?? DEFAULT_NAME, columns).join('\n')}\n`));
  }
}

function describe(metrics: Metrics, name: string, columns: number): string[] {
  const known = Object.entries(metrics.series);
  if (known.length === 0) return ['Nothing was measured yet.'];
  const series = Object.hasOwn(metrics.series, name) ? metrics.series[name] : undefined;
  const lines = series === undefined ? [`There is no ${name}.`] : drawCurve(series, columns);
  const steps = metrics.max_steps === null ? '' : ` of ${metrics.max_steps}`;
  const width = Math.max(...known.map(([one]) => one.length));
  return [
    ...(series === undefined ? [] : [`${name}, to step ${series.step.at(-1)}${steps}`]),
    ...lines,
    '',
    ...known.map(([one, { value }]) => `${one.padEnd(width)}  ${toShort(value.at(-1))}`),
  ];
}

function toShort(value: number | null | undefined): string {
  return typeof value === 'number' ? String(Number(value.toPrecision(4))) : 'not a number';
}
