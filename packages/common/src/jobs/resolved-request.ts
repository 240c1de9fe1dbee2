import { z } from 'zod';
import type { JobPayload, JsonObject } from './job.ts';
import { REQUEST_VARIABLE } from './job-environment.ts';
import { withoutSecrets } from './purge-payload.ts';

const Variables = z.array(z.object({ name: z.string(), value: z.string().optional() }));
const Process = z.object({ env: Variables });
/** Kubernetes reads `$$` as one `$`. */
const TrainJob = z
  .object({ train_job: z.object({ spec: z.object({ trainer: z.object({ env: Variables }) }) }) })
  .transform(({ train_job }) => ({
    env: train_job.spec.trainer.env.map(({ name, value }) => {
      return { name, value: value?.replaceAll('$$', '$') };
    }),
  }));
const Handed = z.union([TrainJob, Process]);
const Request = z.record(z.string(), z.unknown());

/**
 * The request as its training reads it: with its defaults, and without credentials. Undefined where it
 * cannot be told any more: as a whole it is a secret if a part of it, such as a signed URL, is one.
 */
export function readResolvedRequest({
  echo,
  secrets,
}: Pick<JobPayload, 'echo' | 'secrets'>): JsonObject | undefined {
  const variables = Handed.safeParse(echo).data?.env ?? [];
  const shown = variables.find(({ name }) => name === REQUEST_VARIABLE)?.value;
  const text = shown ?? secrets[REQUEST_VARIABLE];
  if (text === undefined) return undefined;
  const { [REQUEST_VARIABLE]: _whole, ...values } = secrets;
  try {
    return Request.parse(withoutSecrets(JSON.parse(text), values));
  } catch {
    // Its text is another one's, and messages of the JSON parser would quote it.
    return undefined;
  }
}
