import type { EnvVar } from './environment.ts';

/** The training's own, and that of the pods of k8s/runtimes. */
const RUNTIME_GRACE_SECONDS = 120;
/** A pod has longer to end than its training has to save. */
const MARGIN_SECONDS = 10;
const VARIABLE = 'TRAINER_GRACE_SECONDS';

/** How long the pods of a training have to end; undefined where that is for their runtime to say. */
export function toGracePeriodSeconds(graceMs: number): number | undefined {
  const seconds = Math.ceil(graceMs / 1000);
  return seconds === RUNTIME_GRACE_SECONDS ? undefined : seconds + MARGIN_SECONDS;
}

/** The variables with that which tells the training how long it may save. */
export function withGrace(variables: readonly EnvVar[], graceMs: number): readonly EnvVar[] {
  const isTold = variables.some(({ name }) => name === VARIABLE);
  if (isTold || toGracePeriodSeconds(graceMs) === undefined) return variables;
  return [...variables, { name: VARIABLE, value: String(graceMs / 1000) }];
}
