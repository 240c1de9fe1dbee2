/** Something that was measured, step by step; null where it was no finite number. */
export interface Curve {
  readonly step: readonly number[];
  readonly value: readonly (number | null)[];
}

/** From 0, the left or the bottom of a plot, to 1. */
export interface Tick {
  readonly value: number;
  readonly at: number;
}

/** How the numbers of one axis lie on it. */
export interface Axis {
  readonly ticks: readonly Tick[];
  readonly place: (value: number) => number;
}

const FACTORS = [1, 2, 5, 10] as const;
const MOST_STEP_TICKS = 6;
const VALUE_TICKS = 4;

/** The logarithm of the steps, since most is learnt in the first of them; a step 0 has a place too. */
export function toStepAxis(steps: readonly number[]): Axis {
  const first = steps[0] ?? 0;
  const last = steps.at(-1) ?? first;
  const [from, to] = [Math.log1p(first), Math.log1p(last)];
  const place = (step: number) => (to === from ? 0.5 : (Math.log1p(step) - from) / (to - from));
  const powers = listPowers(last);
  const within = (candidates: readonly number[]) =>
    candidates.filter((step) => step >= first && step <= last);
  const choices = [
    within(powers.flatMap((power) => [1, 2, 5].map((factor) => factor * power))),
    within(powers),
  ];
  // A training that went on at a late step shows less than one power of ten.
  const fitting = choices.find((ticks) => ticks.length > 2 && ticks.length <= MOST_STEP_TICKS);
  const chosen = fitting ?? [...new Set([first, last])];
  return { place, ticks: chosen.map((value) => ({ value, at: place(value) })) };
}

/** From a round number below the lowest value to one above the highest. */
export function toValueAxis(values: readonly number[]): Axis {
  const [lowest, highest] = [Math.min(...values), Math.max(...values)];
  const spread = highest - lowest || Math.abs(highest) || 1;
  const width = toRound(spread / VALUE_TICKS);
  const from = Math.floor(lowest / width);
  const to = Math.max(Math.ceil(highest / width), from + 1);
  const place = (value: number) => (value / width - from) / (to - from);
  const ticks = Array.from({ length: to - from + 1 }, (_, index) => {
    return { value: (from + index) * width, at: index / (to - from) };
  });
  return { place, ticks };
}

/** The path of a curve in a square of `size`; it breaks off where a value was no finite number. */
export function toPath({ step, value }: Curve, steps: Axis, values: Axis, size: number): string {
  const commands = value.map((measured, index) => {
    if (measured === null) return '';
    const x = (steps.place(step[index] ?? 0) * size).toFixed(1);
    const y = ((1 - values.place(measured)) * size).toFixed(1);
    const isGoingOn = index > 0 && value[index - 1] !== null;
    // `h0` shows a value that has no neighbour, as a dot.
    return isGoingOn ? `L${x} ${y}` : `M${x} ${y}h0`;
  });
  return commands.join('');
}

function listPowers(last: number): number[] {
  const count = Math.floor(Math.log10(Math.max(1, last))) + 1;
  return Array.from({ length: count }, (_, exponent) => 10 ** exponent);
}

/** The next larger of 1, 2 and 5 times a power of ten. */
function toRound(width: number): number {
  const power = 10 ** Math.floor(Math.log10(width));
  return power * (FACTORS.find((factor) => factor * power >= width) ?? 10);
}
