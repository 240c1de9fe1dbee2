import { errors } from '../errors.ts';
import type { JobPayload, JobRecord } from '../jobs/job.ts';
import { createJobMask } from '../jobs/job-mask.ts';
import type { JobStore } from '../jobs/job-store.ts';
import type { ReadSharedSecrets } from '../jobs/platform.ts';

export interface ReadMaskParts {
  readonly store: Pick<JobStore, 'readPayload'>;
  readonly readSharedSecrets?: ReadSharedSecrets | undefined;
}

/** A job's payload, and what takes the credentials of the job and of its operator out of a text. */
export interface PayloadWithMask {
  readonly payload: JobPayload;
  readonly mask: (text: string) => string;
  /** Takes out the job's own alone: what the service knows from a request may hold the operator's. */
  readonly maskOwn: (text: string) => string;
}

/**
 * Undefined where not every value is at hand that must not be seen: then nothing of a text is kept or
 * shown.
 * @throws TrainerError CLUSTER_UNAVAILABLE
 */
export async function readMask(
  parts: ReadMaskParts,
  record: JobRecord,
): Promise<PayloadWithMask | undefined> {
  const found = await read(parts, record);
  return found === 'refused' ? undefined : found;
}

/**
 * The same for what is kept for later: undefined where the job is gone alone.
 * @throws TrainerError CLUSTER_UNAVAILABLE, also where the operator's values may not be read.
 */
export async function demandMask(
  parts: ReadMaskParts,
  record: JobRecord,
): Promise<PayloadWithMask | undefined> {
  const found = await read(parts, record);
  if (found === 'refused') throw errors.clusterRefusesUs();
  return found;
}

async function read(
  { store, readSharedSecrets = async () => [] }: ReadMaskParts,
  record: JobRecord,
): Promise<PayloadWithMask | 'refused' | undefined> {
  const payload = await store.readPayload(record);
  if (payload === undefined) return undefined;
  const shared = await readSharedSecrets(payload);
  if (shared === undefined) return 'refused';
  const mask = createJobMask(payload.secrets, shared);
  const own = shared.length === 0 ? mask : createJobMask(payload.secrets);
  return { payload, mask: (text) => mask.apply(text), maskOwn: (text) => own.apply(text) };
}
