import { writeCounts } from '../../jobs/history.ts';
import type { HistoryCounts, JobDraft, JobRecord } from '../../jobs/job.ts';
import { toJobIdHash } from '../../jobs/job-name.ts';
import type { RecordChange } from '../../jobs/job-store.ts';
import { toPurged } from '../../jobs/purge-payload.ts';
import { jsonBytes } from '../../json-bytes.ts';
import { BACKEND_LABEL, JOB_ID_ANNOTATION, JOB_ID_HASH_LABEL } from '../../kubernetes/labels.ts';
import { CURRENT_FORMAT, KEYS } from './annotation-keys.ts';
import {
  MAX_ITEM_BYTES,
  shortenDelivery,
  shortenDetail,
  shortenReported,
  shortenWarnings,
} from './short-annotations.ts';

/** Annotations of a merge patch: null removes one. */
export type AnnotationPatch = Record<string, string | null>;

export function toLabels({ backend, id }: Pick<JobDraft, 'backend' | 'id'>) {
  return { [BACKEND_LABEL]: backend, [JOB_ID_HASH_LABEL]: toJobIdHash(backend, id) };
}

/** The annotations of a new record, 12 KiB at most; what is too long for that is shortened. */
export function toAnnotations(draft: JobDraft): Record<string, string> {
  const annotations: AnnotationPatch = {
    [KEYS.format]: String(CURRENT_FORMAT),
    [JOB_ID_ANNOTATION]: draft.id,
    [KEYS.fingerprint]: draft.fingerprint,
    [KEYS.fingerprint2]: draft.fingerprint2 ?? null,
    [KEYS.createdAt]: String(draft.createdAtMs),
    [KEYS.reportToken]: draft.reportTokenHash ?? null,
    ...(draft.traits && { [KEYS.traits]: JSON.stringify(draft.traits) }),
    ...(draft.rerunOf && { [KEYS.rerunOf]: JSON.stringify(draft.rerunOf) }),
    ...(draft.history && toHistoryAnnotation(draft.history)),
    ...toPhasesAnnotation(draft.phases),
    ...toAnnotationPatch(draft, draft),
    ...(draft.hasNoCredentials && { [KEYS.credentials]: 'none' }),
  };
  // Only a patch knows null; in a new object the API server would make a text of it.
  const set = Object.entries(annotations).filter((entry) => entry[1] !== null);
  return Object.fromEntries(set) as Record<string, string>;
}

/** How much there is of a record's history. */
export function toHistoryAnnotation(history: HistoryCounts): Record<string, string> {
  return { [KEYS.history]: writeCounts(history) };
}

/** When each phase of a record began; nothing while it is in its first. */
export function toPhasesAnnotation(phases: JobRecord['phases']): Record<string, string> {
  return phases === undefined ? {} : { [KEYS.phases]: phases };
}

/** The annotations that a purge of the credentials sets. */
export function toPurgeAnnotations(record: JobRecord): AnnotationPatch {
  const { webhookAuth } = toPurged(record);
  const credentials = record.hasNoCredentials ? 'none' : 'gone';
  return { [KEYS.credentials]: credentials, [KEYS.webhookAuth]: webhookAuth };
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
    ...('runId' in change && { [KEYS.runId]: change.runId ?? null }),
    ...(warnings && {
      [KEYS.warnings]: JSON.stringify(shortenWarnings(warnings, toBesides(current))),
    }),
    ...(prepared && { [KEYS.planRevision]: String(current.planRevision + 1) }),
    ...(state && { [KEYS.state]: JSON.stringify(shortenDetail(state)) }),
    ...(stopAtMs !== undefined && { [KEYS.stopAt]: String(stopAtMs) }),
    ...(result && { [KEYS.result]: JSON.stringify(result) }),
    ...(reported && { [KEYS.reported]: JSON.stringify(shortenReported(reported)) }),
    ...(delivery && { [KEYS.delivery]: JSON.stringify(shortenDelivery(delivery)) }),
    ...(areCredentialsGone !== undefined && {
      [KEYS.credentials]: areCredentialsGone ? 'gone' : null,
    }),
  };
}

/** Where callbacks go is never changed in part. */
function toWebhookAnnotations(change: RecordChange): AnnotationPatch {
  const { hasWebhook, webhookAuth, callbackRevision } = change;
  if (hasWebhook === undefined || webhookAuth === undefined) return {};
  return {
    [KEYS.webhook]: String(hasWebhook),
    [KEYS.webhookOrigin]: toShortOrigin(change),
    [KEYS.webhookAuth]: webhookAuth,
    ...(callbackRevision !== undefined && { [KEYS.callbackRevision]: String(callbackRevision) }),
  };
}

function toBesides({ traits, rerunOf }: Pick<JobRecord, 'traits' | 'rerunOf'>): string {
  const listed = traits === undefined ? '' : KEYS.traits + JSON.stringify(traits);
  return rerunOf === undefined ? listed : listed + KEYS.rerunOf + JSON.stringify(rerunOf);
}

/** None where it is too long, since it can be read from the payload as well. */
function toShortOrigin({ webhookOrigin = '' }: RecordChange): string | null {
  return webhookOrigin === '' || jsonBytes(webhookOrigin) > MAX_ITEM_BYTES ? null : webhookOrigin;
}
