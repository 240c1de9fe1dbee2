import type { Job } from '@trainer/client';
import { printable, toLine } from './printable.ts';

/** A job for people: one line for each thing that is known of it. */
export function toTable(job: Job): string {
  const { created_at, started_at, ended_at } = job.timestamps ?? {};
  const rows = {
    Job: job.job_id,
    Status: job.reason ? `${job.status} (${job.reason})` : job.status,
    Detail: job.detail,
    Phase: job.status === 'running' ? job.phase : undefined,
    Progress: toProgressText(job),
    Model: job.result?.model_uri,
    Result: toResultText(job),
    Comparison: toComparisonText(job),
    Checkpoint: toCheckpointText(job),
    TrainJob: job.backend_job_id,
    'Rerun of': job.rerun_of,
    Reruns: job.reruns?.join(', '),
    Created: created_at,
    Started: started_at,
    Ended: ended_at,
    Dashboard: job.dashboard_url,
    Warnings: job.metadata?.warnings?.join('\n'),
  };
  return toRows(rows);
}

/** What is known of something, one line for each name; the names in a column. */
export function toRows(rows: Readonly<Record<string, string | null | undefined>>): string {
  const known = Object.entries(rows).filter((row): row is [string, string] => Boolean(row[1]));
  const width = Math.max(...known.map(([name]) => name.length)) + 2;
  const lines = known.flatMap(([name, value]) => {
    const [first = '', ...further] = printable(value).split('\n');
    return [name.padEnd(width) + first, ...further.map((line) => ' '.repeat(width) + line)];
  });
  return `${lines.join('\n')}\n`;
}

/**
 * Rows of several cells, each column as wide as its widest one. Of a head and rows that are wider than
 * `fits.width`, the last columns are left out, but never the first `fits.atLeast`.
 */
export function toColumns(
  rows: readonly (readonly string[])[],
  fits: { readonly width?: number | undefined; readonly atLeast: number } = { atLeast: 0 },
): string[] {
  const lines = rows.map((row) => row.map(toLine));
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((row) => row[column]?.length ?? 0)),
  );
  const shown = countFitting(widths, fits.width ?? Number.POSITIVE_INFINITY, fits.atLeast);
  return lines.map((row) =>
    row
      .slice(0, shown)
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join(GAP)
      .trimEnd(),
  );
}

const GAP = '  ';

function countFitting(widths: readonly number[], width: number, atLeast: number): number {
  let used = -GAP.length;
  const tooWide = widths.findIndex((each, column) => {
    used += GAP.length + each;
    return used > width && column >= atLeast;
  });
  return tooWide < 0 ? widths.length : tooWide;
}

/** How many there are of each kind, in a line. */
export function toCountsText(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${count} ${toLine(name)}`)
    .join(', ');
}

/** What a job does, with where its time goes when it runs but does not train. */
export function toStatusText({ status, phase }: Pick<Job, 'status' | 'phase'>): string {
  const tellsMore = status === 'running' && phase && phase !== 'training';
  return tellsMore ? `${status} (${phase})` : status;
}

/** What the trainer last reported, in one line. */
export function toProgressText({ progress }: Pick<Job, 'progress'>): string | undefined {
  if (!progress) return undefined;
  const { percentage, estimated_remaining_seconds: left, metrics } = progress;
  const parts = [
    ...(typeof percentage === 'number' ? [`${Math.floor(percentage)}%`] : []),
    ...(typeof left === 'number' ? [`${toDuration(left)} left`] : []),
    ...Object.entries(metrics ?? {}).map(
      ([name, value]) => `${name} ${Number(value.toPrecision(4))}`,
    ),
  ];
  return parts.join(', ') || undefined;
}

function toResultText({ result }: Job): string | undefined {
  const { engine, rows, eval_loss: loss } = result ?? {};
  const parts = [
    engine,
    ...(typeof rows === 'number' ? [`${rows} rows`] : []),
    ...(typeof loss === 'number' ? [`eval_loss ${Number(loss.toPrecision(4))}`] : []),
  ].filter((part) => part !== undefined);
  return parts.join(', ') || undefined;
}

/** The tuned model beside its base. */
function toComparisonText({ result }: Job): string | undefined {
  const { base_loss: base, tuned_loss: tuned } = result?.comparison ?? {};
  if (typeof base !== 'number' || typeof tuned !== 'number') return undefined;
  return `loss ${Number(tuned.toPrecision(4))} tuned, ${Number(base.toPrecision(4))} base`;
}

/** The newest one. */
function toCheckpointText({ checkpoints }: Job): string | undefined {
  const newest = checkpoints?.at(-1);
  return newest && `step ${newest.step}: ${newest.uri}`;
}

/** A length of time, as exact as people need it. */
export function toDuration(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  if (minutes < 1) return `${Math.round(seconds)} s`;
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
