import type { Plan, TrainerClient } from '@trainer/client';
import type { CliContext } from '../cli-context.ts';
import { toRows } from '../table.ts';
import { EXIT } from '../usage.ts';

/** Prints what a service would make of a request. */
export async function plan(
  client: TrainerClient,
  request: unknown,
  { json }: { readonly json: boolean },
  { signal, stdout }: Pick<CliContext, 'signal' | 'stdout'>,
): Promise<number> {
  const answer = await client.plan(request as never, { signal });
  stdout.write(json ? `${JSON.stringify(answer, null, 2)}\n` : toTable(answer));
  return answer.valid ? EXIT.ok : EXIT.refused;
}

function toTable({ valid, errors, warnings, admission, estimate, notes }: Plan): string {
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
