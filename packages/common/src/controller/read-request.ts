import { errors } from '../errors.ts';
import type { JobRecord, JsonObject } from '../jobs/job.ts';
import type { JobStore } from '../jobs/job-store.ts';
import { readResolvedRequest } from '../jobs/resolved-request.ts';
import type { KeptRequest } from '../requests/kept-request.ts';

/** What a job was asked for. */
export interface AskedRequest {
  readonly record: JobRecord;
  /** As it was sent, with marks; undefined where it is not kept. */
  readonly kept: KeptRequest | undefined;
  /** With its defaults; undefined where it cannot be told any more. */
  readonly resolved: JsonObject | undefined;
}

/** @throws TrainerError JOB_NOT_FOUND, CLUSTER_UNAVAILABLE */
export async function readRequest(
  { store }: { readonly store: JobStore },
  record: JobRecord,
): Promise<AskedRequest> {
  const payload = await store.readPayload(record);
  if (payload === undefined) throw errors.jobNotFound(record.id);
  return { record, kept: payload.request, resolved: readResolvedRequest(payload) };
}
