import type { TrainerClient } from '@trainer/client';
import type { CliContext } from '../cli-context.ts';
import { type Explanation, explainJob } from '../explain-job.ts';
import { printable, toColumns, toDuration } from '../table.ts';

/** Prints what a job waits for, or why it ended, and what to do. */
export async function showWhy(
  client: TrainerClient,
  { jobId, json }: { readonly jobId: string; readonly json: boolean },
  { signal, stdout }: Pick<CliContext, 'signal' | 'stdout'>,
): Promise<void> {
  const why = explainJob(await client.get(jobId, { signal }), Date.now());
  stdout.write(json ? `${JSON.stringify(why, null, 2)}\n` : printable(toText(why)));
}

/** One screen. */
export function toText(why: Explanation): string {
  const parts = [
    `${toHeadline(why)}\n  ${why.why}`,
    ...(why.advice === null ? [] : [`What to do\n  ${why.advice}`]),
    ...(why.phases.length === 0 ? [] : [`Where the time went\n${toPhaseLines(why)}`]),
    ...(why.warnings.length === 0 ? [] : [`Warnings\n${indent(why.warnings)}`]),
    `More: trainer events ${why.job_id}, trainer status ${why.job_id}`,
  ];
  return `${parts.join('\n')}\n`;
}

function toHeadline({ job_id, status, reason, phase, owner, seconds }: Explanation): string {
  const duration = seconds === null ? '' : toDuration(seconds);
  if (owner === null) return `${job_id}: ${status} (${reason})${duration && ` after ${duration}`}`;
  const whose = owner === 'training' ? phase : `${phase} (${owner})`;
  return `${job_id}: ${status}, ${whose} for ${duration}`;
}

function toPhaseLines({ phases }: Explanation): string {
  const rows = phases.map(({ phase, owner, seconds, is_current: isCurrent }) => {
    const whose = owner === 'training' ? '' : owner;
    return [phase, whose, `${toDuration(seconds)}${isCurrent ? ' so far' : ''}`];
  });
  return indent(toColumns(rows));
}

function indent(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}`).join('\n');
}
