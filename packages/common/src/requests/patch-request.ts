import { REDACTED } from './credentials.ts';
import { toPath } from './format-issue.ts';
import { isRecord, type Json } from './is-record.ts';
import type { JsonPath, KeptRequest } from './kept-request.ts';
import { mergePatch } from './merge-patch.ts';
import { mayHoldSecret, toObjectAddresses } from './object-address.ts';
import { dropRespelled } from './other-spellings.ts';
import type { RequestFormat } from './parse-training-request.ts';
import { nameTouched } from './take-over.ts';

/** Stands where the kept request withheld its value of that number. */
class Withheld {
  readonly number: number;

  constructor(number: number) {
    this.number = number;
  }
}

export interface PatchedRequest {
  /** Undefined where stored values that it needs are purged. */
  readonly body: Json | undefined;
  /** Where it needs stored values, as paths. */
  readonly stored: readonly string[];
  /** Where it differs from the kept request so that it must not have them; see `nameTouched`. */
  readonly touched: readonly string[];
  /** Where a mark stands for a value that somebody left out. */
  readonly redacted: readonly string[];
}

/** What a rerun sets whatever the changes say. */
export interface RerunSettings {
  readonly jobId: string;
  /** Undefined to begin anew; told whether the results still go where they went before. */
  readonly toResumeFrom: ((isSameOutput: boolean) => string) | undefined;
}

/**
 * The request of a rerun: the kept one with `changes`, a JSON merge patch, in which a field replaces
 * or takes away the same one under another name. A dataset whose source is
 * given again at its place wants its credentials back unless others are given. Pure.
 */
export function patchRequest(
  kept: KeptRequest,
  changes: Json,
  { jobId, toResumeFrom }: RerunSettings,
  format: RequestFormat,
): PatchedRequest {
  const before = placeWithheld(kept);
  const merged = mergePatch(dropRespelled(before, changes), changes) as Json;
  const datasets = keepAuth(before.datasets, merged.datasets, kept);
  const isSameOutput = outputOf(before) === outputOf(merged);
  const patched = {
    ...merged,
    ...(datasets !== undefined && { datasets }),
    ...setResumeFrom(merged.extra_parameters, toResumeFrom?.(isSameOutput)),
    job_id: jobId,
  };
  const stored = findPaths(patched, (value) => value instanceof Withheld);
  const redacted = findPaths(
    patched,
    (value) => typeof value === 'string' && value.includes(REDACTED),
  );
  const { values } = kept;
  if (values === undefined && stored.length > 0) {
    return { body: undefined, stored, touched: [], redacted };
  }
  const body = reveal(patched, values) as Json;
  const isJudged = stored.length > 0;
  const touched = isJudged ? nameTouched(reveal(before, values) as Json, body, format) : [];
  return { body, stored, touched, redacted };
}

function placeWithheld({ body, withheld }: KeptRequest): Json {
  return withheld.reduce<Json>(
    (holder, path, number) => replaceAt(holder, path, new Withheld(number)) as Json,
    body,
  );
}

function replaceAt(holder: unknown, [key, ...rest]: JsonPath, value: unknown): unknown {
  if (key === undefined) return value;
  const copy: unknown = Array.isArray(holder) ? [...holder] : { ...(holder as Json) };
  const fields = copy as Record<string | number, unknown>;
  fields[key] = replaceAt(fields[key], rest, value);
  return copy;
}

/** A list is replaced as a whole, so that who changes a split gives the credentials' places anew. */
function keepAuth(before: unknown, given: unknown, { values }: KeptRequest): unknown[] | undefined {
  if (!Array.isArray(before) || !Array.isArray(given) || before === given) return undefined;
  return given.map((dataset: unknown, index) => {
    const old = before[index];
    if (!isSection(dataset) || !isSection(old)) return dataset;
    const [source, known] = [dataset.source, reveal(old.source, values)];
    if (typeof source !== 'string' || typeof known !== 'string') return dataset;
    if (toObjectAddresses(source, '') !== toObjectAddresses(known, '')) return dataset;
    return {
      ...dataset,
      ...(!('auth' in dataset) && 'auth' in old && { auth: old.auth }),
      // A signature is a credential of the dataset, too.
      ...(!mayHoldSecret(source) && { source: old.source }),
    };
  });
}

function setResumeFrom(extras: unknown, resumeFrom: string | undefined): Json {
  // What is no section is refused as it is.
  if (extras !== undefined && extras !== null && !isSection(extras)) return {};
  const { resume_from: _resumeFrom, ...rest } = extras ?? {};
  if (resumeFrom !== undefined) return { extra_parameters: { ...rest, resume_from: resumeFrom } };
  return extras == null ? {} : { extra_parameters: rest };
}

function outputOf({ artifacts }: Json): unknown {
  return isSection(artifacts) ? artifacts.output_uri : undefined;
}

function findPaths(
  value: unknown,
  isWanted: (value: unknown) => boolean,
  at: JsonPath = [],
): string[] {
  if (isWanted(value)) return [toPath(at)];
  if (typeof value !== 'object' || value === null) return [];
  const entries: [string | number, unknown][] = Array.isArray(value)
    ? [...value.entries()]
    : Object.entries(value);
  return entries.flatMap(([key, child]) => findPaths(child, isWanted, [...at, key]));
}

/** With the stored values; what is purged stays as it is. */
function reveal(value: unknown, values: readonly unknown[] | undefined): unknown {
  if (value instanceof Withheld) return values === undefined ? value : values[value.number];
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => reveal(item, values));
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [key, reveal(child, values)]),
  );
}

/** Whether a value is a part of the request; what stands for a withheld one is none. */
function isSection(value: unknown): value is Json {
  return isRecord(value) && !(value instanceof Withheld);
}
