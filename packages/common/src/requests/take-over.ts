import { findDifferences, toAsked } from './canonical-request.ts';
import { asRecord, type Json } from './is-record.ts';
import type { RequestFormat } from './parse-training-request.ts';

/**
 * Where a patched request differs from the kept one in what decides where stored credentials go, as
 * paths: in all but tuning, customization without `peft.config`, resources, the splits of datasets,
 * and callbacks, which are never taken over. Both are whole, with their credentials.
 */
export function nameTouched(kept: Json, patched: Json, format: RequestFormat): string[] {
  // What may be secret enters the form as a digest, salted by the id.
  const [before, after] = [kept, { ...patched, job_id: kept.job_id }].map((body) =>
    toDestinations(body, format),
  );
  if (before === undefined || after === undefined) return ['the request'];
  return findDifferences(before, after);
}

function toDestinations(
  { callbacks: _callbacks, ...body }: Json,
  { parse, shape }: RequestFormat,
): Json | undefined {
  const { request } = parse(body);
  if (request === undefined) return undefined;
  const { tuning_parameters, resources, customization, datasets, ...rest } = toAsked(
    body,
    request,
    shape,
  ).form;
  const { resume_from: _resumeFrom, ...extras } = asRecord(body.extra_parameters);
  return {
    ...rest,
    datasets: Array.isArray(datasets) ? datasets.map(withoutSplit) : datasets,
    // As they were sent: the canonical form leaves out what may be a credential.
    customization: { peft: { config: asRecord(asRecord(body.customization).peft).config } },
    extra_parameters: extras,
  };
}

function withoutSplit(dataset: unknown): unknown {
  const { split: _split, ...rest } = asRecord(dataset);
  return rest;
}
