import type { JobPayload, JobRecord } from '../jobs/job.ts';
import type { Secrets } from '../jobs/job-environment.ts';
import type { JobStore } from '../jobs/job-store.ts';
import { SecretMask } from '../jobs/secret-mask.ts';

export interface ReadMaskParts {
  readonly store: Pick<JobStore, 'readPayload'>;
  /** Secret values of the operator's that jobs use beside their own; undefined if not readable. */
  readonly readSharedSecrets?: (() => Promise<Secrets | undefined>) | undefined;
}

/** A job's payload, and what takes the credentials of the job and of its operator out of a text. */
export interface PayloadWithMask {
  readonly payload: JobPayload;
  readonly mask: (text: string) => string;
}

/**
 * Undefined where not every value is at hand that must not be seen: then nothing of a text is kept or
 * shown.
 * @throws TrainerError CLUSTER_UNAVAILABLE
 */
export async function readMask(
  { store, readSharedSecrets = async () => ({}) }: ReadMaskParts,
  record: JobRecord,
): Promise<PayloadWithMask | undefined> {
  const [payload, shared] = await Promise.all([store.readPayload(record), readSharedSecrets()]);
  if (payload === undefined || shared === undefined) return undefined;
  const masks = [new SecretMask(payload.secrets), new SecretMask(shared)];
  const mask = (text: string) => masks.reduce((masked, each) => each.apply(masked), text);
  return { payload, mask };
}
