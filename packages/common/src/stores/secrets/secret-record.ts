import { z } from 'zod';
import { readCounts, writeCounts } from '../../jobs/history.ts';
import {
  type DeliveryLog,
  type HistoryCounts,
  isTerminal,
  type JobDraft,
  type JobRecord,
  type JobState,
  NO_DELIVERY,
  type Settlement,
  toAcceptedState,
  WEBHOOK_AUTHS,
  type WebhookAuth,
} from '../../jobs/job.ts';
import { toJobIdHash, toJobName } from '../../jobs/job-name.ts';
import type { RecordChange } from '../../jobs/job-store.ts';
import { toPurged } from '../../jobs/purge-payload.ts';
import type { Reason } from '../../jobs/reasons.ts';
import type { Reported } from '../../jobs/reported.ts';
import { jsonBytes } from '../../json-bytes.ts';
import { BACKEND_LABEL, JOB_ID_ANNOTATION, JOB_ID_HASH_LABEL } from '../../kubernetes/labels.ts';
import type { CachedObject } from '../../kubernetes/object-store.ts';
import { JOB_STATUSES } from '../../requests/job-status.ts';
import { OWN_PREFIX } from '../../requests/kubernetes-names.ts';
import { REPORTED_PHASES } from '../../requests/report.ts';
import { RERUN_STARTS } from '../../requests/rerun.ts';
import {
  MAX_ITEM_BYTES,
  shortenDetail,
  shortenLog,
  shortenReported,
  shortenWarnings,
} from './short-annotations.ts';

/** A job's Secret as a metadata-only read shows it. */
export interface SecretMetadata extends CachedObject {
  readonly metadata: CachedObject['metadata'] & {
    readonly creationTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
}

/** Annotations of a merge patch: null removes one. */
export type AnnotationPatch = Record<string, string | null>;

const FORMAT = `${OWN_PREFIX}format`;
const FINGERPRINT = `${OWN_PREFIX}fingerprint`;
const FINGERPRINT_2 = `${OWN_PREFIX}fingerprint-2`;
const CREATED_AT = `${OWN_PREFIX}created-at`;
const WARNINGS = `${OWN_PREFIX}warnings`;
const TRAITS = `${OWN_PREFIX}traits`;
const RERUN_OF = `${OWN_PREFIX}rerun-of`;
const WEBHOOK = `${OWN_PREFIX}webhook`;
const WEBHOOK_ORIGIN = `${OWN_PREFIX}webhook-origin`;
const CALLBACK_REVISION = `${OWN_PREFIX}callback-revision`;
const RUN_ID = `${OWN_PREFIX}run-id`;
const STATE = `${OWN_PREFIX}state`;
const DELIVERY = `${OWN_PREFIX}delivery`;
const WEBHOOK_AUTH = `${OWN_PREFIX}webhook-auth`;
const REPORT_TOKEN = `${OWN_PREFIX}report-token-sha256`;
const STOP_AT = `${OWN_PREFIX}stop-at`;
const RESULT = `${OWN_PREFIX}result`;
const REPORTED = `${OWN_PREFIX}reported`;
const HISTORY = `${OWN_PREFIX}history`;
const PHASES = `${OWN_PREFIX}phases`;
const CREDENTIALS = `${OWN_PREFIX}credentials`;
const PLAN_REVISION = `${OWN_PREFIX}plan-revision`;

/**
 * Raised when a version must not act on records that a later one wrote, as their annotations then
 * mean something else to it. 1, which had no annotation for it, is that of version 03f9e5d; what was
 * added since (`webhook-origin`, `plan-revision`, `.job-spec.json`) it may ignore.
 */
const CURRENT_FORMAT = 2;

/** UNIX milliseconds that a Date can hold. */
const timeMs = z.number().min(0).max(8.64e15);
const time = timeMs.optional();
// Codes of a newer release are kept as they are, since replicas of two releases meet at an update.
const StateSchema = z.object({
  status: z.enum(JOB_STATUSES),
  reason: z.string(),
  detail: z.string(),
  observedAtMs: timeMs,
  startedAtMs: time,
  endedAtMs: time,
});
const DeliverySchema = z.object({
  settled: z.string().optional(),
  attempts: z.array(
    z.object({
      atMs: timeMs,
      durationMs: z.number(),
      status: z.number().optional(),
      error: z.string().optional(),
    }),
  ),
  attemptCount: z.number(),
  nextAttemptAtMs: time,
  replayedAtMs: time,
  repeatAtMs: time,
});
const ReportedSchema = z.object({
  attempt: z.int().min(1),
  counted: z.int().min(1).optional(),
  runStartedAt: z.number().min(0).optional(),
  phase: z.string().optional(),
  checkpoints: z.array(z.object({ step: z.int().min(0), uri: z.string(), savedAtMs: time })),
  warnings: z.array(z.string()),
  stalled: z
    .object({ owner: z.enum(['no reports', 'no step']), sinceMs: timeMs })
    .optional()
    .catch(undefined),
});
const ResultSchema = z.record(z.string(), z.unknown());
const WarningsSchema = z.array(z.string());
const TraitsSchema = z.object({
  model: z.string(),
  method: z.string(),
  provider: z.string(),
  gpus: z.number(),
  labels: z.record(z.string(), z.string()),
});
const RerunOfSchema = z.object({
  jobId: z.string(),
  from: z.enum(RERUN_STARTS),
  fingerprint: z.string(),
});
const RevisionSchema = z.number().int().min(0);

export function toLabels({ backend, id }: Pick<JobDraft, 'backend' | 'id'>) {
  return { [BACKEND_LABEL]: backend, [JOB_ID_HASH_LABEL]: toJobIdHash(backend, id) };
}

/** The annotations of a new record, 12 KiB at most; what is too long for that is shortened. */
export function toAnnotations(draft: JobDraft): Record<string, string> {
  const annotations: AnnotationPatch = {
    [FORMAT]: String(CURRENT_FORMAT),
    [JOB_ID_ANNOTATION]: draft.id,
    [FINGERPRINT]: draft.fingerprint,
    [FINGERPRINT_2]: draft.fingerprint2 ?? null,
    [CREATED_AT]: String(draft.createdAtMs),
    [REPORT_TOKEN]: draft.reportTokenHash ?? null,
    ...(draft.traits && { [TRAITS]: JSON.stringify(draft.traits) }),
    ...(draft.rerunOf && { [RERUN_OF]: JSON.stringify(draft.rerunOf) }),
    ...(draft.history && toHistoryAnnotation(draft.history)),
    ...toPhasesAnnotation(draft.phases),
    ...toAnnotationPatch(draft, draft),
    ...(draft.hasNoCredentials && { [CREDENTIALS]: 'none' }),
  };
  // Only a patch knows null; in a new object the API server would make a text of it.
  const set = Object.entries(annotations).filter((entry) => entry[1] !== null);
  return Object.fromEntries(set) as Record<string, string>;
}

/** How much there is of a record's history. */
export function toHistoryAnnotation(history: HistoryCounts): Record<string, string> {
  return { [HISTORY]: writeCounts(history) };
}

/** When each phase of a record began; nothing while it is in its first. */
export function toPhasesAnnotation(phases: JobRecord['phases']): Record<string, string> {
  return phases === undefined ? {} : { [PHASES]: phases };
}

/** The annotations that a purge of the credentials sets. */
export function toPurgeAnnotations(record: JobRecord): AnnotationPatch {
  const { webhookAuth } = toPurged(record);
  const credentials = record.hasNoCredentials ? 'none' : 'gone';
  return { [CREDENTIALS]: credentials, [WEBHOOK_AUTH]: webhookAuth };
}

/** The annotations that a change of `current` sets or removes. */
export function toAnnotationPatch(
  change: RecordChange,
  current: Pick<JobRecord, 'planRevision' | 'traits' | 'rerunOf'>,
): AnnotationPatch {
  const { state, delivery, warnings, prepared, areCredentialsGone, reported, result, stopAtMs } =
    change;
  return {
    ...toWebhookAnnotations(change),
    ...('runId' in change && { [RUN_ID]: change.runId ?? null }),
    ...(warnings && { [WARNINGS]: JSON.stringify(shortenWarnings(warnings, toBesides(current))) }),
    ...(prepared && { [PLAN_REVISION]: String(current.planRevision + 1) }),
    ...(state && { [STATE]: JSON.stringify(shortenDetail(state)) }),
    ...(stopAtMs !== undefined && { [STOP_AT]: String(stopAtMs) }),
    ...(result && { [RESULT]: JSON.stringify(result) }),
    ...(reported && { [REPORTED]: JSON.stringify(shortenReported(reported)) }),
    ...(delivery && { [DELIVERY]: JSON.stringify(shortenLog(delivery)) }),
    ...(areCredentialsGone !== undefined && { [CREDENTIALS]: areCredentialsGone ? 'gone' : null }),
  };
}

/** Where callbacks go is never changed in part. */
function toWebhookAnnotations(change: RecordChange): AnnotationPatch {
  const { hasWebhook, webhookAuth, callbackRevision } = change;
  if (hasWebhook === undefined || webhookAuth === undefined) return {};
  return {
    [WEBHOOK]: String(hasWebhook),
    [WEBHOOK_ORIGIN]: toShortOrigin(change),
    [WEBHOOK_AUTH]: webhookAuth,
    ...(callbackRevision !== undefined && { [CALLBACK_REVISION]: String(callbackRevision) }),
  };
}

/** What a Secret says of a job, with the parts that cannot be read. */
export interface ParsedRecord {
  readonly record: JobRecord;
  /** All of them; the record names those without which nothing is decided. */
  readonly unreadable: readonly string[];
}

/** Without these nothing is decided about a job; all others have a substitute. */
const ESSENTIAL: readonly string[] = ['format', 'job-id', 'state', 'delivery'];

/** The record that a Secret is, damaged as it may be; undefined when it is none of this backend. */
export function parseRecord(
  { metadata }: SecretMetadata,
  backend: string,
): ParsedRecord | undefined {
  const { name, uid, resourceVersion, labels = {}, annotations = {} } = metadata;
  const id = annotations[JOB_ID_ANNOTATION];
  // Labels can be copied to other objects, but the name proves which job it belongs to.
  const hasId = id !== undefined && toJobName(backend, id) === name;
  const hasHash = name.endsWith(`-${labels[JOB_ID_HASH_LABEL] ?? ''}`);
  if (labels[BACKEND_LABEL] !== backend || !(hasId || hasHash)) return undefined;
  const unreadable: string[] = [];
  const read = <T>(part: string, value: T | undefined, substitute: T): T => {
    if (value === undefined) unreadable.push(part);
    return value ?? substitute;
  };
  const format = annotations[FORMAT] ?? '1';
  read('format', Number(format) <= CURRENT_FORMAT ? format : undefined, format);
  const createdAtMs = read(
    'created-at',
    parseJson(timeMs, annotations[CREATED_AT]),
    Date.parse(metadata.creationTimestamp ?? '') || 0,
  );
  const hasWebhook = annotations[WEBHOOK] === 'true';
  const record: JobRecord = {
    id: read('job-id', hasId ? id : undefined, name),
    name,
    backend,
    uid,
    version: resourceVersion,
    fingerprint: read('fingerprint', annotations[FINGERPRINT], ''),
    fingerprint2: annotations[FINGERPRINT_2],
    createdAtMs,
    warnings: read('warnings', parseJson(WarningsSchema, annotations[WARNINGS]), []),
    hasWebhook,
    webhookOrigin: annotations[WEBHOOK_ORIGIN],
    runId: annotations[RUN_ID],
    planRevision: read(
      'plan-revision',
      parseJson(RevisionSchema, annotations[PLAN_REVISION] ?? '0'),
      0,
    ),
    state: read('state', toState(annotations[STATE]), toAcceptedState(createdAtMs)),
    delivery: read('delivery', toDelivery(annotations[DELIVERY]), {
      ...NO_DELIVERY,
      settled: hasWebhook ? undefined : 'unwanted',
    }),
    areCredentialsGone: ['gone', 'none'].includes(annotations[CREDENTIALS] ?? ''),
    ...(annotations[CREDENTIALS] === 'none' && { hasNoCredentials: true }),
    webhookAuth: toWebhookAuth(annotations[WEBHOOK_AUTH], hasWebhook),
    ...toTraits(annotations[TRAITS]),
    ...toRerunOf(annotations[RERUN_OF]),
    ...toReports(annotations),
    ...toHistory(annotations[HISTORY]),
    ...(annotations[PHASES] !== undefined && { phases: annotations[PHASES] }),
    ...toCallbackRevision(annotations[CALLBACK_REVISION]),
  };
  const missing = unreadable.filter((part) => ESSENTIAL.includes(part));
  if (missing.length === 0) return { record, unreadable };
  return {
    record: { ...record, unreadable: missing, state: toUnreadable(record, missing) },
    unreadable,
  };
}

/** A job that has ended keeps its end, which nothing can change. */
function toUnreadable({ state }: JobRecord, parts: readonly string[]): JobState {
  if (isTerminal(state.status)) return state;
  const detail = `The record of this job cannot be read (${parts.join(', ')}), so that it can only be cancelled`;
  return { ...state, reason: 'RECORD_UNREADABLE', detail };
}

/** One that cannot be read differs from any before, which is all that it is there to tell. */
function toCallbackRevision(text: string | undefined): Pick<JobRecord, 'callbackRevision'> {
  return text === undefined ? {} : { callbackRevision: parseJson(RevisionSchema, text) ?? 0 };
}

function toBesides({ traits, rerunOf }: Pick<JobRecord, 'traits' | 'rerunOf'>): string {
  const listed = traits === undefined ? '' : TRAITS + JSON.stringify(traits);
  return rerunOf === undefined ? listed : listed + RERUN_OF + JSON.stringify(rerunOf);
}

/** Nothing is decided by them, so that unreadable ones are as those of an earlier version. */
function toTraits(text: string | undefined): Pick<JobRecord, 'traits'> {
  const traits = parseJson(TraitsSchema, text);
  return traits === undefined ? {} : { traits };
}

function toRerunOf(text: string | undefined): Pick<JobRecord, 'rerunOf'> {
  const rerunOf = parseJson(RerunOfSchema, text);
  return rerunOf === undefined ? {} : { rerunOf };
}

/** A history that cannot be counted begins anew. */
function toHistory(text: string | undefined): Pick<JobRecord, 'history'> {
  const history = readCounts(text);
  return history === undefined ? {} : { history };
}

/** The first release did not note it, so that there may be one. */
function toWebhookAuth(text: string | undefined, hasWebhook: boolean): WebhookAuth {
  return WEBHOOK_AUTHS.find((known) => known === text) ?? (hasWebhook ? 'kept' : 'none');
}

/** Of a job that does not report there is neither; what cannot be read is reported anew. */
function toReports(
  annotations: Readonly<Record<string, string>>,
): Pick<JobRecord, 'reportTokenHash' | 'reported' | 'result' | 'stopAtMs'> {
  const reportTokenHash = annotations[REPORT_TOKEN];
  const reported = toReported(annotations[REPORTED]);
  const result = parseJson(ResultSchema, annotations[RESULT]);
  const stopAtMs = parseJson(timeMs, annotations[STOP_AT]);
  return {
    ...(reportTokenHash !== undefined && { reportTokenHash }),
    ...(reported !== undefined && { reported }),
    ...(result !== undefined && { result }),
    ...(stopAtMs !== undefined && { stopAtMs }),
  };
}

function toReported(text: string | undefined): Reported | undefined {
  const found = parseJson(ReportedSchema, text);
  if (found === undefined) return undefined;
  const { attempt, counted, runStartedAt, phase, checkpoints, warnings, stalled } = found;
  return {
    attempt,
    ...(counted !== undefined && { counted }),
    ...(runStartedAt !== undefined && { runStartedAt }),
    phase: REPORTED_PHASES.find((known) => known === phase),
    checkpoints: checkpoints.map(({ step, uri, savedAtMs }) => ({ step, uri, savedAtMs })),
    warnings,
    ...(stalled !== undefined && { stalled }),
  };
}

/** None where it is too long, since it can be read from the payload as well. */
function toShortOrigin({ webhookOrigin = '' }: RecordChange): string | null {
  return webhookOrigin === '' || jsonBytes(webhookOrigin) > MAX_ITEM_BYTES ? null : webhookOrigin;
}

function toState(text: string | undefined): JobState | undefined {
  const found = parseJson(StateSchema, text);
  if (found === undefined) return undefined;
  const { status, reason, detail, observedAtMs, startedAtMs, endedAtMs } = found;
  return { status, reason: reason as Reason, detail, observedAtMs, startedAtMs, endedAtMs };
}

function toDelivery(text: string | undefined): DeliveryLog | undefined {
  const found = parseJson(DeliverySchema, text);
  if (found === undefined) return undefined;
  const { settled, attempts, attemptCount, nextAttemptAtMs, replayedAtMs, repeatAtMs } = found;
  return {
    settled: settled as Settlement | undefined,
    attempts: attempts.map(({ atMs, durationMs, status, error }) => {
      return { atMs, durationMs, status, error };
    }),
    attemptCount,
    nextAttemptAtMs,
    replayedAtMs,
    repeatAtMs,
  };
}

function parseJson<T>(schema: z.ZodType<T>, text: string | undefined): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text ?? '')).data;
  } catch {
    return undefined;
  }
}
