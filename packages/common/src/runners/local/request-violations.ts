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

const JOB_ID = /^[A-Za-z0-9._:-]{1,128}$/;
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
  return listLocations(request)
    .flatMap(({ path, text, mayBeName }) => {
      const location = parseLocation(text, mayBeName);
      const why =
        location.kind === 'refused'
          ? location.why
          : location.kind === 'path'
            ? refusePath(location.path, roots)
            : location.kind === 'https'
              ? refuseUrl(location.url)
              : undefined;
      return why === undefined ? [] : [{ path, message: `${path} ${why}.` }];
    })
    .concat(refuseStream(request, refuseUrl));
}

interface GivenLocation {
  readonly path: string;
  readonly text: string;
  readonly mayBeName: boolean;
}

function listLocations(request: LimitedRequest): GivenLocation[] {
  const { base_model, datasets, artifacts, extra_parameters } = request;
  const { model_uri, resume_from } = extra_parameters as {
    model_uri?: string;
    resume_from?: unknown;
  };
  const resumed = typeof resume_from === 'string' && !JOB_ID.test(resume_from);
  const given: [path: string, text: string | undefined, mayBeName: boolean][] = [
    ...datasets.map(
      ({ source, format }, index) =>
        [`datasets[${index}].source`, source, format === 'hf'] as const,
    ),
    ['base_model.model_name', base_model.model_name, true],
    ['base_model.weights_url', base_model.weights_url, false],
    ['extra_parameters.model_uri', model_uri, false],
    ['artifacts.log_uri', artifacts.log_uri, false],
    ['artifacts.output_uri', artifacts.output_uri, false],
    ['extra_parameters.resume_from', resumed ? resume_from : undefined, false],
  ] as [string, string | undefined, boolean][];
  return given.flatMap(([path, text, mayBeName]) =>
    text === undefined ? [] : [{ path, text, mayBeName }],
  );
}

function refuseStream({ artifacts }: LimitedRequest, refuseUrl: LocalLimits['refuseUrl']) {
  const path = 'artifacts.status_stream_url';
  const why = artifacts.status_stream_url && refuseUrl(artifacts.status_stream_url);
  return why === undefined || why === '' ? [] : [{ path, message: `${path} ${why}.` }];
}
