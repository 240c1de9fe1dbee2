import { readCounts } from '../../jobs/history.ts';
import {
  isTerminal,
  type JobRecord,
  type JobState,
  NO_DELIVERY,
  toAcceptedState,
  WEBHOOK_AUTHS,
  type WebhookAuth,
} from '../../jobs/job.ts';
import { toJobName } from '../../jobs/job-name.ts';
import { BACKEND_LABEL, JOB_ID_ANNOTATION, JOB_ID_HASH_LABEL } from '../../kubernetes/labels.ts';
import type { CachedObject } from '../../kubernetes/object-store.ts';
import { CURRENT_FORMAT, KEYS } from './annotation-keys.ts';
import {
  readDelivery,
  readReported,
  readRerunOf,
  readResult,
  readRevision,
  readState,
  readTime,
  readTraits,
  readWarnings,
} from './annotation-values.ts';

/** A job's Secret as a metadata-only read shows it. */
export interface SecretMetadata extends CachedObject {
  readonly metadata: CachedObject['metadata'] & {
    readonly creationTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
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
  const format = annotations[KEYS.format] ?? '1';
  read('format', Number(format) <= CURRENT_FORMAT ? format : undefined, format);
  const createdAtMs = read(
    'created-at',
    readTime(annotations[KEYS.createdAt]),
    Date.parse(metadata.creationTimestamp ?? '') || 0,
  );
  const hasWebhook = annotations[KEYS.webhook] === 'true';
  const record: JobRecord = {
    id: read('job-id', hasId ? id : undefined, name),
    name,
    backend,
    uid,
    version: resourceVersion,
    fingerprint: read('fingerprint', annotations[KEYS.fingerprint], ''),
    fingerprint2: annotations[KEYS.fingerprint2],
    createdAtMs,
    warnings: read('warnings', readWarnings(annotations[KEYS.warnings]), []),
    hasWebhook,
    webhookOrigin: annotations[KEYS.webhookOrigin],
    runId: annotations[KEYS.runId],
    planRevision: read('plan-revision', readRevision(annotations[KEYS.planRevision] ?? '0'), 0),
    state: read('state', readState(annotations[KEYS.state]), toAcceptedState(createdAtMs)),
    delivery: read('delivery', readDelivery(annotations[KEYS.delivery]), {
      ...NO_DELIVERY,
      settled: hasWebhook ? undefined : 'unwanted',
    }),
    areCredentialsGone: ['gone', 'none'].includes(annotations[KEYS.credentials] ?? ''),
    ...(annotations[KEYS.credentials] === 'none' && { hasNoCredentials: true }),
    webhookAuth: toWebhookAuth(annotations[KEYS.webhookAuth], hasWebhook),
    ...toTraits(annotations[KEYS.traits]),
    ...toRerunOf(annotations[KEYS.rerunOf]),
    ...toReports(annotations),
    ...toHistory(annotations[KEYS.history]),
    ...(annotations[KEYS.phases] !== undefined && { phases: annotations[KEYS.phases] }),
    ...toCallbackRevision(annotations[KEYS.callbackRevision]),
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
  return text === undefined ? {} : { callbackRevision: readRevision(text) ?? 0 };
}

/** Nothing is decided by them, so that unreadable ones are as those of an earlier version. */
function toTraits(text: string | undefined): Pick<JobRecord, 'traits'> {
  const traits = readTraits(text);
  return traits === undefined ? {} : { traits };
}

function toRerunOf(text: string | undefined): Pick<JobRecord, 'rerunOf'> {
  const rerunOf = readRerunOf(text);
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
  const reportTokenHash = annotations[KEYS.reportToken];
  const reported = readReported(annotations[KEYS.reported]);
  const result = readResult(annotations[KEYS.result]);
  const stopAtMs = readTime(annotations[KEYS.stopAt]);
  return {
    ...(reportTokenHash !== undefined && { reportTokenHash }),
    ...(reported !== undefined && { reported }),
    ...(result !== undefined && { result }),
    ...(stopAtMs !== undefined && { stopAtMs }),
  };
}
