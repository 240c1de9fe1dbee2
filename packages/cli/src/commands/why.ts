import { defineCommand } from '../command.ts';
import { createClient } from '../create-client.ts';
import { EXIT } from '../exit-codes.ts';
import { type Explanation, explainJob } from '../explain-job.ts';
import { printAnswer } from '../print-answer.ts';
import { toLine } from '../printable.ts';
import { toColumns, toDuration } from '../table.ts';

/** Tells what a job waits for, or why it ended, and what to do. */
export const why = defineCommand({
  name: 'why',
  subjects: ['ID'],
  options: [],
  usage: [['why ID', 'tells what a job waits for or why it ended, and what to do']],
  async run({ subjects: [jobId], ...args }, context) {
    const job = await createClient(context.env).get(jobId, { signal: context.signal });
    const explanation = explainJob(job, Date.now());
    printAnswer(explanation, toText, args, context);
    return EXIT.ok;
  },
});

/** One screen. */
export function toText(why: Explanation): string {
  const parts = [
    `${toLine(toHeadline(why))}\n${indent([why.why])}`,
    ...(why.advice === null ? [] : [`What to do\n${indent([why.advice])}`]),
    ...(why.phases.length === 0 ? [] : [`Where the time went\n${toPhaseLines(why)}`]),
    ...(why.warnings.length === 0 ? [] : [`Warnings\n${indent(why.warnings)}`]),
    toLine(`More: trainer events ${why.job_id}, trainer status ${why.job_id}`),
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
  return lines.map((line) => `  ${toLine(line)}`).join('\n');
}
