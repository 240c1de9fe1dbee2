import { z } from 'zod';
import type { DeliveryLog, JobDraft, JobRecord, JobState, Settlement } from '../../jobs/job.ts';
import { toJobIdHash, toJobName } from '../../jobs/job-name.ts';
import type { RecordChange } from '../../jobs/job-store.ts';
import type { Reason } from '../../jobs/reasons.ts';
import { BACKEND_LABEL, JOB_ID_ANNOTATION, JOB_ID_HASH_LABEL } from '../../kubernetes/labels.ts';
import type { CachedObject } from '../../kubernetes/object-store.ts';
import { JOB_STATUSES } from '../../requests/job-status.ts';
import { OWN_PREFIX } from '../../requests/kubernetes-names.ts';

/** A job's Secret as a metadata-only read shows it. */
export interface SecretMetadata extends CachedObject {
  readonly metadata: CachedObject['metadata'] & {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
}

/** Annotations of a merge patch: null removes one. */
export type AnnotationPatch = Record<string, string | null>;

const FINGERPRINT = `${OWN_PREFIX}fingerprint`;
const FINGERPRINT_2 = `${OWN_PREFIX}fingerprint-2`;
const CREATED_AT = `${OWN_PREFIX}created-at`;
const WARNINGS = `${OWN_PREFIX}warnings`;
const WEBHOOK = `${OWN_PREFIX}webhook`;
const WEBHOOK_ORIGIN = `${OWN_PREFIX}webhook-origin`;
const RUN_ID = `${OWN_PREFIX}run-id`;
const STATE = `${OWN_PREFIX}state`;
const DELIVERY = `${OWN_PREFIX}delivery`;
const CREDENTIALS = `${OWN_PREFIX}credentials`;
const PLAN_REVISION = `${OWN_PREFIX}plan-revision`;

/**
 * Every replica holds all annotations in memory and every change of one writes them all to etcd, so
 * they stay small: bytes of JSON, together with the rest below 12 KiB.
 */
const MAX_DETAIL_BYTES = 2048;
const MAX_WARNINGS_BYTES = 4096;
const MAX_DELIVERY_BYTES = 4096;
const MAX_ITEM_BYTES = 512;

const time = z.number().optional();
// Codes of a newer release are kept as they are, since replicas of two releases meet at an update.
const StateSchema = z.object({
  status: z.enum(JOB_STATUSES),
  reason: z.string(),
  detail: z.string(),
  observedAtMs: z.number(),
  startedAtMs: time,
  endedAtMs: time,
});
const DeliverySchema = z.object({
  settled: z.string().optional(),
  attempts: z.array(
    z.object({
      atMs: z.number(),
      durationMs: z.number(),
      status: z.number().optional(),
      error: z.string().optional(),
    }),
  ),
  attemptCount: z.number(),
  nextAttemptAtMs: time,
  replayedAtMs: time,
});
const WarningsSchema = z.array(z.string());

export function toLabels({ backend, id }: Pick<JobDraft, 'backend' | 'id'>) {
  return { [BACKEND_LABEL]: backend, [JOB_ID_HASH_LABEL]: toJobIdHash(backend, id) };
}

/** The annotations of a new record, 12 KiB at most; what is too long for that is shortened. */
export function toAnnotations(draft: JobDraft): Record<string, string> {
  const annotations: AnnotationPatch = {
    [JOB_ID_ANNOTATION]: draft.id,
    [FINGERPRINT]: draft.fingerprint,
    [FINGERPRINT_2]: draft.fingerprint2 ?? null,
    [CREATED_AT]: String(draft.createdAtMs),
    [WEBHOOK]: String(draft.hasWebhook),
    [WEBHOOK_ORIGIN]: toShortOrigin(draft),
    ...toAnnotationPatch(draft, draft),
  };
  // Only a patch knows null; in a new object the API server would make a text of it.
  const set = Object.entries(annotations).filter((entry) => entry[1] !== null);
  return Object.fromEntries(set) as Record<string, string>;
}

/** The annotations that a change of `current` sets or removes. */
export function toAnnotationPatch(
  change: RecordChange,
  current: Pick<JobRecord, 'planRevision'>,
): AnnotationPatch {
  const { state, delivery, warnings, prepared, areCredentialsGone } = change;
  return {
    ...('runId' in change && { [RUN_ID]: change.runId ?? null }),
    ...(warnings && { [WARNINGS]: JSON.stringify(shortenWarnings(warnings)) }),
    ...(prepared && { [PLAN_REVISION]: String(current.planRevision + 1) }),
    ...(state && { [STATE]: JSON.stringify(shortenDetail(state)) }),
    ...(delivery && { [DELIVERY]: JSON.stringify(shortenLog(delivery)) }),
    ...(areCredentialsGone !== undefined && { [CREDENTIALS]: areCredentialsGone ? 'gone' : null }),
  };
}

/** The record that a Secret is; undefined when it is none of this backend, or damaged. */
export function toRecord({ metadata }: SecretMetadata, backend: string): JobRecord | undefined {
  const { name, uid, resourceVersion, labels = {}, annotations = {} } = metadata;
  const id = annotations[JOB_ID_ANNOTATION];
  // Labels can be copied to other objects, but the name proves that it belongs to this id.
  if (labels[BACKEND_LABEL] !== backend || id === undefined) return undefined;
  if (toJobName(backend, id) !== name) return undefined;
  const state = parseJson(StateSchema, annotations[STATE]);
  const delivery = parseJson(DeliverySchema, annotations[DELIVERY]);
  const warnings = parseJson(WarningsSchema, annotations[WARNINGS]);
  const fingerprint = annotations[FINGERPRINT];
  if (!state || !delivery || !warnings || fingerprint === undefined) return undefined;
  return {
    id,
    name,
    backend,
    uid,
    version: resourceVersion,
    fingerprint,
    fingerprint2: annotations[FINGERPRINT_2],
    createdAtMs: Number(annotations[CREATED_AT]),
    warnings,
    hasWebhook: annotations[WEBHOOK] === 'true',
    webhookOrigin: annotations[WEBHOOK_ORIGIN],
    runId: annotations[RUN_ID],
    planRevision: Number(annotations[PLAN_REVISION] ?? 0),
    state: toState(state),
    delivery: toDelivery(delivery),
    areCredentialsGone: annotations[CREDENTIALS] === 'gone',
  };
}

/** None where it is too long, since it can be read from the payload as well. */
function toShortOrigin({ webhookOrigin = '' }: JobDraft): string | null {
  return webhookOrigin === '' || jsonBytes(webhookOrigin) > MAX_ITEM_BYTES ? null : webhookOrigin;
}

function toState(state: z.output<typeof StateSchema>): JobState {
  const { status, reason, detail, observedAtMs, startedAtMs, endedAtMs } = state;
  return { status, reason: reason as Reason, detail, observedAtMs, startedAtMs, endedAtMs };
}

function toDelivery(log: z.output<typeof DeliverySchema>): DeliveryLog {
  const { settled, attempts, attemptCount, nextAttemptAtMs, replayedAtMs } = log;
  return {
    settled: settled as Settlement | undefined,
    attempts: attempts.map(({ atMs, durationMs, status, error }) => {
      return { atMs, durationMs, status, error };
    }),
    attemptCount,
    nextAttemptAtMs,
    replayedAtMs,
  };
}

function parseJson<T>(schema: z.ZodType<T>, text: string | undefined): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text ?? '')).data;
  } catch {
    return undefined;
  }
}

function shortenDetail(state: JobState): JobState {
  return { ...state, detail: shortenText(state.detail, MAX_DETAIL_BYTES) };
}

/** The oldest attempts go first. */
function shortenLog(log: DeliveryLog): DeliveryLog {
  if (jsonBytes(log) <= MAX_DELIVERY_BYTES) return log;
  const attempts = log.attempts.map((attempt) => {
    return { ...attempt, error: attempt.error && shortenText(attempt.error, MAX_ITEM_BYTES) };
  });
  const room = MAX_DELIVERY_BYTES - jsonBytes({ ...log, attempts: [] });
  const count = countFitting(attempts.toReversed(), room);
  return { ...log, attempts: attempts.slice(attempts.length - count) };
}

function shortenWarnings(warnings: readonly string[]): readonly string[] {
  if (jsonBytes(warnings) <= MAX_WARNINGS_BYTES) return warnings;
  const short = warnings.map((warning) => shortenText(warning, MAX_ITEM_BYTES));
  const count = countFitting(short, MAX_WARNINGS_BYTES - 64);
  const kept = short.slice(0, count);
  return [...kept, `${warnings.length - count} further warnings are left out`];
}

/** How many of the first items fit together; in one pass, since requests decide how many there are. */
function countFitting(items: readonly unknown[], maxBytes: number): number {
  let bytes = 0;
  const tooMany = items.findIndex((item) => {
    bytes += jsonBytes(item) + 1;
    return bytes > maxBytes;
  });
  return tooMany < 0 ? items.length : tooMany;
}

function shortenText(text: string, maxBytes: number): string {
  if (jsonBytes(text) <= maxBytes) return text;
  // No character takes more than six bytes in JSON, so this many always fit.
  const certain = Math.floor((maxBytes - 8) / 6);
  let end = Math.min(text.length, maxBytes);
  while (end > certain && jsonBytes(text.slice(0, end)) > maxBytes - 3) end -= 16;
  return `${text.slice(0, Math.max(end, certain)).toWellFormed()}…`;
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
