import { RUNTIME_TABLE } from './runtime-table.ts';
import type { StorageAuth, TrainingRequest } from './training-request.ts';

const PEFT_KEYS: ReadonlySet<string> = new Set(RUNTIME_TABLE.peftConfig);
/** They are kept with the job and told with each of its answers. */
const MAX_NAMES = 10;

/** Sentences about accepted parts of a request that our own training runtime cannot act on. */
export function describeForRuntime(request: TrainingRequest): string[] {
  return [...describePeftKeys(request), ...describeSessionKeys(request)];
}

function describePeftKeys({ customization }: TrainingRequest): string[] {
  const config = customization.peft?.config ?? {};
  const unknown = Object.keys(config).filter((key) => config[key] != null && !PEFT_KEYS.has(key));
  const named = unknown.slice(0, MAX_NAMES).map((key) => {
    const shown = key.length > 80 ? `${key.slice(0, 80)}…` : key;
    return `customization.peft.config.${shown} is passed to the trainer as it is; our own runtime does not know it and ignores it`;
  });
  const more = unknown.length - named.length;
  if (more === 0) return named;
  return [...named, `customization.peft.config has ${more} more keys that our own runtime ignores`];
}

/** Keys of a session end, and only a role lets the runtime get new ones. */
function describeSessionKeys({ artifacts, datasets, extra_parameters }: TrainingRequest): string[] {
  const env = extra_parameters.trainer_env ?? {};
  const holders = [
    ...(endsAndStays(artifacts.auth) ? ['artifacts.auth'] : []),
    ...datasets.flatMap(({ auth }, index) =>
      endsAndStays(auth) ? [`datasets[${index}].auth`] : [],
    ),
    ...('AWS_SESSION_TOKEN' in env && !('AWS_ROLE_ARN' in env)
      ? ['extra_parameters.trainer_env']
      : []),
  ];
  if (holders.length === 0) return [];
  const names = holders.slice(0, MAX_NAMES).join(', ');
  const verb = holders.length === 1 ? 'holds' : 'hold';
  return [
    `${names} ${verb} session keys without a role that could renew them, so a job that outlives the keys ends with UPLOAD_FAILED; one with fresh keys can go on from its last checkpoint`,
  ];
}

function endsAndStays(auth: StorageAuth | undefined): boolean {
  return auth?.aws_session_token !== undefined && auth.role_arn === undefined;
}
