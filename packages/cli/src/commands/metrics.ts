import type { Metrics } from '@trainer/client';
import { defineCommand } from '../command.ts';
import { createClient } from '../create-client.ts';
import { drawCurve } from '../draw-curve.ts';
import { EXIT } from '../exit-codes.ts';
import { printAnswer } from '../print-answer.ts';
import { toLine } from '../printable.ts';

const DEFAULT_COLUMNS = 80;
/** Wider curves are harder to read. */
const MAX_COLUMNS = 120;
const DEFAULT_NAME = 'loss';

/** Draws one metric of a job over its steps, and prints the newest value of each. */
export const metrics = defineCommand({
  name: 'metrics',
  subjects: ['ID', '[NAME]'],
  options: [],
  usage: [['metrics ID [NAME]', 'draws a metric over the steps, loss by default']],
  async run({ subjects: [jobId, name], ...args }, context) {
    const { env, signal, stdout, stderr } = context;
    const client = createClient(env);
    const names = args.json && name !== undefined ? { names: [name] } : {};
    const measured = await client.metrics(jobId, { signal, ...names });
    if (name !== undefined && !Object.hasOwn(measured.series, name)) {
      const { series } = args.json ? await client.metrics(jobId, { signal }) : measured;
      const known = Object.keys(series).join(', ') || 'nothing yet';
      stderr.write(`${toLine(`There is no ${name}: what was measured is ${known}.`)}\n`);
      return EXIT.refused;
    }
    const columns = Math.min(MAX_COLUMNS, stdout.columns ?? DEFAULT_COLUMNS);
    const toText = (answer: Metrics) =>
      `${describe(answer, name ?? DEFAULT_NAME, columns)
        .map(toLine)
        .join('\n')}\n`;
    printAnswer(measured, toText, args, context);
    return EXIT.ok;
  },
});

function describe(metrics: Metrics, name: string, columns: number): string[] {
  const known = Object.entries(metrics.series);
  if (known.length === 0) return ['Nothing was measured yet.'];
  const series = metrics.series[name];
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
