import type { Plan, TrainingRequest } from '@trainer/client';
import { defineCommand } from '../command.ts';
import { createClient } from '../create-client.ts';
import { EXIT } from '../exit-codes.ts';
import { printAnswer } from '../print-answer.ts';
import { readRequest } from '../read-request.ts';
import { toRows } from '../table.ts';

/** Tells what a service would make of a request. */
export const plan = defineCommand({
  name: 'plan',
  subjects: ['FILE'],
  options: [],
  usage: [['plan FILE', 'tells what would become of the request, and creates nothing']],
  async run({ subjects: [file], ...args }, context) {
    const { env, signal, stdin } = context;
    const request = (await readRequest(file, stdin)) as TrainingRequest;
    const answer = await createClient(env).plan(request, { signal });
    printAnswer(answer, toText, args, context);
    return answer.valid ? EXIT.ok : EXIT.refused;
  },
});

function toText({ valid, errors, warnings, admission, estimate, notes }: Plan): string {
  const { memory_gb: memory, gpu_memory_gb: available, fits } = estimate ?? {};
  const terms = memory && Object.entries(memory).map(([name, gib]) => `${name} ${gib.toFixed(1)}`);
  return toRows({
    Valid: valid ? 'yes' : 'no',
    Errors: errors.map(({ message }) => message).join('\n'),
    Warnings: warnings.join('\n'),
    Admission: admission && toAdmissionText(admission),
    'GiB of a GPU': terms?.join(', '),
    Fits: typeof fits === 'boolean' ? `${fits ? 'yes' : 'no'}, of ${available} GiB` : undefined,
    Notes: [...(estimate?.notes ?? []), ...notes].join('\n'),
  });
}

function toAdmissionText({ accepted, detail, not_asked }: NonNullable<Plan['admission']>): string {
  const verdict = accepted === null ? 'unknown' : accepted ? 'accepted' : 'refused';
  const unasked = not_asked.length > 0 ? ` (not asked: ${not_asked.join(', ')})` : '';
  return `${verdict}${detail === null ? '' : `: ${detail}`}${unasked}`;
}
