import type { Violation } from '../../errors.ts';
import type { TrainingRequest } from '../../requests/training-request.ts';
import { parseLocation, refusePath } from './location.ts';

/** What the operator of this machine allows. */
export interface LocalLimits {
  /** Real paths. */
  readonly roots: readonly string[];
  readonly allowedVariables: ReadonlySet<string>;
  /** Why an address may not be dialled, which completes "<field> …"; undefined when it may. */
  readonly refuseUrl: (url: string) => string | undefined;
}

/** Variables that no tool takes for a file, a program or a host. */
export const ALLOWED_VARIABLES = [
  'HF_TOKEN',
  ...['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_ROLE_ARN'],
  ...['AWS_REGION', 'AWS_DEFAULT_REGION'],
  ...['WANDB_API_KEY', 'WANDB_PROJECT', 'WANDB_ENTITY', 'WANDB_NAME', 'WANDB_NOTES'],
  ...['WANDB_TAGS', 'WANDB_RUN_GROUP', 'WANDB_MODE'],
];

/** The fields that `findViolations` looks at. */
export const LIMITED_FIELDS = ['base_model', 'datasets', 'artifacts', 'extra_parameters'];

/** A job's id, which is never a path. */
const JOB_ID = /^(?!\.{1,2}$)[A-Za-z0-9._:-]{1,128}$/;
const PROGRAMS = ['trainer_command', 'trainer_args'] as const;

/** The part of a request that counts here, as it also stands in a training's environment. */
export type LimitedRequest = Pick<
  TrainingRequest,
  'base_model' | 'datasets' | 'artifacts' | 'extra_parameters'
>;

/** All that a request asks of this machine and may not have, one sentence each. */
export function findViolations(request: LimitedRequest, limits: LocalLimits): Violation[] {
  const { extra_parameters: extra } = request;
  const variables = Object.keys(extra.trainer_env ?? {});
  return [
    ...findLocationViolations(request, limits),
    ...PROGRAMS.filter((name) => extra[name] !== undefined).map((name) => {
      const path = `extra_parameters.${name}`;
      const message = `${path} is not possible with the local runner, which runs its own training program only.`;
      return { path, message };
    }),
    ...variables
      .filter((name) => !limits.allowedVariables.has(name))
      .map((name) => {
        const path = `extra_parameters.trainer_env.${name.slice(0, 80)}`;
        const message = `${path} may not be set with the local runner: allowed are ${ALLOWED_VARIABLES.join(', ')}, and what TRAINER_LOCAL_ENV_ALLOWED adds.`;
        return { path, message };
      }),
  ];
}

/** Like `findViolations`, of locations and addresses alone: what may have changed since the POST. */
export function findLocationViolations(
  request: LimitedRequest,
  { roots, refuseUrl }: LocalLimits,
): Violation[] {
  return listGiven(request).flatMap(({ path, text, kind }) => {
    const why =
      kind === 'address'
        ? refuseUrl(text)
        : refuseLocation(text, kind === 'name', roots, refuseUrl);
    return why === undefined ? [] : [{ path, message: `${path} ${why}.` }];
  });
}

function refuseLocation(
  text: string,
  mayBeName: boolean,
  roots: LocalLimits['roots'],
  refuseUrl: LocalLimits['refuseUrl'],
): string | undefined {
  const location = parseLocation(text, mayBeName);
  switch (location.kind) {
    case 'refused':
      return location.why;
    case 'https':
      return refuseUrl(location.url);
    case 'path':
      return refusePath(location.path, roots);
    default:
      return undefined;
  }
}

/** What a request says in one place: a location, one that may be the hub's name, or an address. */
interface Given {
  readonly path: string;
  readonly text: string;
  readonly kind: 'location' | 'name' | 'address';
}

function listGiven({ base_model, datasets, artifacts, extra_parameters }: LimitedRequest): Given[] {
  const { model_uri, resume_from } = extra_parameters as {
    model_uri?: unknown;
    resume_from?: unknown;
  };
  const isJob = typeof resume_from === 'string' && JOB_ID.test(resume_from);
  const sources = datasets.map(({ source, format }, index) => {
    const kind: Given['kind'] = format === 'hf' ? 'name' : 'location';
    return [`datasets[${index}].source`, kind, source] as const;
  });
  const given: readonly (readonly [path: string, kind: Given['kind'], text: unknown])[] = [
    ...sources,
    ['base_model.model_name', 'name', base_model.model_name],
    ['base_model.weights_url', 'location', base_model.weights_url],
    ['extra_parameters.model_uri', 'location', model_uri],
    ['artifacts.log_uri', 'location', artifacts.log_uri],
    ['artifacts.output_uri', 'location', artifacts.output_uri],
    ['extra_parameters.resume_from', 'location', isJob ? undefined : resume_from],
    ['artifacts.status_stream_url', 'address', artifacts.status_stream_url],
  ];
  return given.flatMap(([path, kind, text]) =>
    typeof text === 'string' && text !== '' ? [{ path, kind, text }] : [],
  );
}
