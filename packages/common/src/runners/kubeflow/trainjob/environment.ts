import { ACCOUNT_NAMES, type Variable, type Word } from '../../../jobs/job-environment.ts';
import type { JobSpec } from '../../../jobs/job-spec.ts';

/** A variable as Kubernetes takes it. */
export type EnvVar =
  | { readonly name: string; readonly value: string }
  | {
      readonly name: string;
      readonly valueFrom: {
        readonly secretKeyRef: {
          readonly name: string;
          readonly key: string;
          readonly optional?: true;
        };
      };
    };

/** The environment of a job's containers, in Kubernetes' spelling. */
export interface PodEnvironment {
  readonly variables: readonly EnvVar[];
  readonly dataset: readonly EnvVar[];
  readonly model: readonly EnvVar[];
  readonly command: readonly string[] | undefined;
  readonly args: readonly string[] | undefined;
}

/** References that a distributed start needs stay as they are in words; other dollars are doubled. */
const STARTS = /\$\((?:PET_[A-Z_]+|JOB_COMPLETION_INDEX)\)|\$/g;

/** Name in the training container → name that Kubeflow's initializers read. */
const INITIALIZER_NAMES = {
  AWS_ACCESS_KEY_ID: 'ACCESS_KEY_ID',
  AWS_SECRET_ACCESS_KEY: 'SECRET_ACCESS_KEY',
  AWS_SESSION_TOKEN: 'SESSION_TOKEN',
  AWS_ROLE_ARN: 'ROLE_ARN',
} as const;

/**
 * Spells a job's environment for Kubernetes: secret values as references to single keys of the
 * job's own Secret, absent credentials as optional ones to the operator's default Secret.
 */
export function buildPodEnvironment(
  spec: JobSpec,
  { secretName, defaultSecret }: { secretName: string; defaultSecret: string | undefined },
): PodEnvironment {
  const variables = new Map(spec.variables.map((each) => [each.name, toEnvVar(each, secretName)]));
  if (defaultSecret !== undefined) {
    for (const name of spec.absentCredentials) {
      const secretKeyRef = { name: defaultSecret, key: name, optional: true } as const;
      variables.set(name, { name, valueFrom: { secretKeyRef } });
    }
  }
  // Absent in plans of versions before this field.
  for (const [name, reference] of Object.entries(spec.clusterOptions.secret_variables ?? {})) {
    variables.set(name, { name, ...reference });
  }
  return {
    variables: [...variables.values()],
    dataset: toInitializerVariables(variables, 'TRAINING_DATASET_0_'),
    model: toInitializerVariables(variables, ''),
    command: spec.command?.map(toWord),
    args: spec.args?.map(toWord),
  };
}

function toEnvVar(variable: Variable, secretName: string): EnvVar {
  const { name } = variable;
  if ('value' in variable) return { name, value: escapeDollars(variable.value) };
  return { name, valueFrom: { secretKeyRef: { name: secretName, key: variable.secretKey } } };
}

function toWord(word: Word): string {
  if (typeof word !== 'string') return `$(${word.variable})`;
  return word.replaceAll(STARTS, (found) => (found === '$' ? '$$' : found));
}

/** Kubernetes expands `$(NAME)` in literal values and reads `$$` as one dollar. */
function escapeDollars(value: string): string {
  return value.replaceAll('$', '$$$$');
}

/**
 * An initializer's environment: references to the same keys, under the names that it reads. What
 * has a variable with `prefix` comes from there, an account as a whole.
 */
function toInitializerVariables(variables: ReadonlyMap<string, EnvVar>, prefix: string): EnvVar[] {
  const hasAccount = ACCOUNT_NAMES.some((name) => variables.has(`${prefix}${name}`));
  const preferOwn = (own: string, shared: string) => (variables.has(own) ? own : shared);
  const found: EnvVar[] = [];
  const add = (read: string, name: string) => {
    const known = variables.get(name);
    if (known !== undefined) found.push({ ...known, name: read });
  };
  add('ACCESS_TOKEN', preferOwn(`${prefix}TOKEN`, 'HF_TOKEN'));
  for (const name of ACCOUNT_NAMES) {
    add(INITIALIZER_NAMES[name], hasAccount ? `${prefix}${name}` : name);
  }
  add('REGION', preferOwn(`${prefix}AWS_REGION`, 'AWS_REGION'));
  add('ENDPOINT', 'AWS_ENDPOINT_URL');
  return found;
}
