import type { Config } from '../../../config.ts';
import type { JsonObject } from '../../../jobs/job.ts';
import type { EnvVar } from './environment.ts';
import type { TrainJobManifest } from './manifest.ts';
import type { TrainJobPlan } from './plan.ts';

/**
 * Names of the operator's Secrets whose values the pods of a job may hold: the default one, and those
 * that its TrainJob refers to; all that jobs may refer to where its plan cannot be read.
 */
export function findSharedSecrets(
  plan: JsonObject,
  {
    defaultCredentialsSecret,
    allowedSecrets,
  }: Pick<Config, 'defaultCredentialsSecret' | 'allowedSecrets'>,
): ReadonlySet<string> {
  const { manifest } = plan as unknown as Partial<TrainJobPlan>;
  const names = new Set(manifest === undefined ? allowedSecrets : findReferences(manifest));
  if (defaultCredentialsSecret !== undefined) names.add(defaultCredentialsSecret);
  return names;
}

function findReferences({ metadata, spec }: TrainJobManifest): string[] {
  const { env = [] } = (spec.trainer ?? {}) as { readonly env?: readonly EnvVar[] };
  return env
    .flatMap((each) => ('valueFrom' in each ? each.valueFrom.secretKeyRef.name : []))
    .filter((name) => name !== metadata.name);
}
