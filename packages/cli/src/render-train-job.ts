import {
  type BaseTrainerBackend,
  ConfigError,
  parseConfig,
  renderRequest,
  TrainerError,
} from '@trainer/common';
import { services } from '@trainer/services';
import { stringify } from 'yaml';
import type { CliContext } from './cli-context.ts';
import { EXIT } from './exit-codes.ts';
import { printable, toJson } from './printable.ts';
import { UsageError } from './usage-error.ts';

const BACKENDS = services.map(({ backend }) => backend);

/** Prints the TrainJob that a service would make of a request; what it would say goes to stderr. */
export function renderTrainJob(
  request: unknown,
  { backend: name, json }: { readonly backend?: string | undefined; readonly json: boolean },
  { env, stdout, stderr }: Pick<CliContext, 'env' | 'stdout' | 'stderr'>,
): number {
  const chosen = BACKENDS.filter((backend) => name === undefined || backend.name === name);
  if (chosen.length === 0) {
    const known = BACKENDS.map((backend) => backend.name).join(', ');
    throw new UsageError(`There is no backend '${name}': use ${known}.`);
  }
  const attempts = chosen.map((backend) => attempt(backend, request, env));
  const [best] = attempts.toSorted((left, right) => left.refusals.length - right.refusals.length);
  if (best?.rendered === undefined) {
    stderr.write(`${best?.backend} refuses this: ${printable(best?.refusals.join(' ') ?? '')}\n`);
    return EXIT.refused;
  }
  const { manifest, secretKeys, warnings } = best.rendered;
  for (const warning of warnings) stderr.write(`Warning: ${printable(warning)}.\n`);
  if (secretKeys.length > 0) {
    const keys = secretKeys.join(', ');
    stderr.write(`It refers to these keys of the Secret ${manifest.metadata.name}: ${keys}.\n`);
  }
  stdout.write(
    json
      ? `${toJson(manifest, 2)}\n`
      : `# As the ${best.backend} service renders it\n${stringify(manifest)}`,
  );
  return EXIT.ok;
}

function attempt(backend: BaseTrainerBackend, request: unknown, env: CliContext['env']) {
  try {
    // Where a service would listen is nothing to this.
    const settings = { ...env, HOST: undefined, PORT: undefined };
    const rendered = renderRequest(backend, request, parseConfig(backend.defaults, settings));
    return { backend: backend.name, rendered, refusals: [] };
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message);
    if (!(error instanceof TrainerError)) throw error;
    const sentences = error.violations.map(({ message }) => message);
    return { backend: backend.name, refusals: sentences.length > 0 ? sentences : [error.message] };
  }
}
