import type { LogLine, LogQuery } from '../../jobs/log-line.ts';
import { MOCK_STEPS, type MockRun, observeMockRun, toLoss, toShare } from './mock-timeline.ts';

const LOGGED_EVERY = 10;
const LINES = MOCK_STEPS / LOGGED_EVERY;

/** What a training such as the simulated one would have written by `nowMs`, each time the same. Pure. */
export function writeMockLog(run: MockRun, nowMs: number): readonly LogLine[] {
  if (nowMs < run.startsAtMs) return [];
  const { durationMs, done } = toShare(run, nowMs);
  const steps = Array.from({ length: Math.floor(done * LINES) }, (_, at) => {
    const share = (at + 1) / LINES;
    const text = `step ${(at + 1) * LOGGED_EVERY} of ${MOCK_STEPS}: loss ${toLoss(share)}`;
    return { atMs: run.startsAtMs + share * durationMs, text };
  });
  const seen = observeMockRun(run, nowMs);
  const hasEnded = nowMs >= run.endsAtMs && seen.exists;
  const said = [
    { atMs: run.startsAtMs, text: 'Training begins (simulated)' },
    ...steps,
    ...(hasEnded ? [{ atMs: run.endsAtMs, text: seen.detail }] : []),
  ];
  return said.map(({ atMs, text }, at) => ({
    ...{ node: 0, attempt: 1, text, isPartial: false },
    time: new Date(atMs).toISOString(),
    position: String(at + 1),
  }));
}

/** When the next line comes, UNIX milliseconds; undefined when none does. Pure. */
export function nextMockLineAt(run: MockRun, nowMs: number): number | undefined {
  if (nowMs < run.startsAtMs) return run.startsAtMs;
  const { durationMs, done } = toShare(run, nowMs);
  const nextMs = run.startsAtMs + ((Math.floor(done * LINES) + 1) / LINES) * durationMs;
  // Past it by all means, whatever rounding makes of the share.
  if (nextMs < run.endsAtMs) return Math.ceil(nextMs) + 1;
  return nowMs < run.endsAtMs && Number.isFinite(run.endsAtMs) ? run.endsAtMs : undefined;
}

/** What of the lines is wanted at first. Pure. */
export function pickLines(
  lines: readonly LogLine[],
  { node, attempt, previous, sinceMs, tail, after }: LogQuery,
): readonly LogLine[] {
  if ((node ?? 0) !== 0 || (attempt ?? 1) !== 1 || previous) return [];
  const wanted = lines.filter(
    ({ time = '', position }) =>
      Number(position) > Number(after.get(0) ?? 0) && Date.parse(time) >= (sinceMs ?? 0),
  );
  return tail === undefined ? wanted : wanted.slice(Math.max(0, wanted.length - tail));
}
