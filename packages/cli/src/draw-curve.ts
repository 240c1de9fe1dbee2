/** A metric over the steps; `value` is null where it was no finite number. */
export interface Curve {
  readonly step: readonly number[];
  readonly value: readonly (number | null)[];
}

const HEIGHT = 12;
const LABEL_WIDTH = 10;
const MIN_WIDTH = 20;

/** A curve as lines of text that are `columns` wide at most; its peaks stay. Pure. */
export function drawCurve({ step, value }: Curve, columns: number): string[] {
  const points = step.flatMap((at, index) => {
    const known = value[index];
    return typeof known === 'number' ? [[at, known] as const] : [];
  });
  const values = points.map(([, known]) => known);
  const [from, to] = [step[0] ?? 0, step.at(-1) ?? 0];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (points.length === 0) return ['no finite value was measured'];
  const width = Math.max(MIN_WIDTH, columns - LABEL_WIDTH - 3);
  const columnOf = (at: number) => Math.round(((at - from) / (to - from || 1)) * (width - 1));
  const rowOf = (known: number) => Math.round(((high - known) / (high - low || 1)) * (HEIGHT - 1));
  const canvas = Array.from({ length: HEIGHT }, () => Array<string>(width).fill(' '));
  for (const [at, known] of points) (canvas[rowOf(known)] ?? [])[columnOf(at)] = '*';
  const labels = new Map([
    [0, high],
    [Math.floor((HEIGHT - 1) / 2), (low + high) / 2],
    [HEIGHT - 1, low],
  ]);
  const rows = canvas.map((row, index) => {
    const label = labels.get(index);
    const text = label === undefined ? '' : String(Number(label.toPrecision(4)));
    return `${text.padStart(LABEL_WIDTH)} |${row.join('')}`.trimEnd();
  });
  const ends = `${from}${String(to).padStart(width - String(from).length)}`;
  return [
    ...rows,
    `${' '.repeat(LABEL_WIDTH)} +${'-'.repeat(width)}`,
    `${' '.repeat(LABEL_WIDTH)}  ${ends}`,
  ];
}
