import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import type { Random } from '../../backoff.ts';
import type { Clock } from '../../clock.ts';
import { errors } from '../../errors.ts';
import { type Attachment, writeAttachments } from '../../jobs/attachment.ts';
import { appendEvents, parseEvents } from '../../jobs/history.ts';
import type { JobDraft, JobPayload, JobRecord, JsonObject, PlannedJob } from '../../jobs/job.ts';
import { type Actor, type JobEvent, SYSTEM } from '../../jobs/job-event.ts';
import type { CreateOutcome, JobStore, RecordChange } from '../../jobs/job-store.ts';
import { toLogged } from '../../jobs/operator-lines.ts';
import { appendPhase } from '../../jobs/phase-history.ts';
import { toEvents, toFirstEvents } from '../../jobs/record-events.ts';
import { type ApiClient, ApiError, type ApiRequest } from '../../kubernetes/api-client.ts';
import { toClusterFailure } from '../../kubernetes/cluster-failure.ts';
import { Informer } from '../../kubernetes/informer.ts';
import { BACKEND_LABEL } from '../../kubernetes/labels.ts';
import { quotaSentence } from '../../kubernetes/server-sentence.ts';
import { FreshReads } from './fresh-reads.ts';
import { parseRecord, type SecretMetadata } from './parse-record.ts';
import {
  toAnnotationPatch,
  toAnnotations,
  toHistoryAnnotation,
  toLabels,
  toPhasesAnnotation,
  toPurgeAnnotations,
} from './record-annotations.ts';
import {
  type ParsedData,
  type PlanCodec,
  parseAttachment,
  parseData,
  parseEventSlots,
  SECRET_TYPE,
  type SecretData,
  toAttachmentData,
  toCallbackData,
  toData,
  toPlanData,
  toPurgeData,
} from './secret-payload.ts';

export interface SecretJobStoreParts {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly backend: string;
  readonly namespace: string;
  readonly planCodec: PlanCodec;
}

interface Secret extends SecretMetadata {
  readonly type?: string;
  readonly data?: SecretData;
}

/** Answers come without the credentials that the Secret holds. */
const METADATA_ONLY = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
const MERGE_PATCH = 'application/merge-patch+json';
const TOO_LARGE = 413;
/** Characters of remembered plans: a few thousand of usual size. */
const MAX_PLAN_CHARACTERS = 16 * 1024 * 1024;
const MAX_REPORTED = 1000;
/** For who wants another part of a record whose plan cannot be read. */
const NO_PLAN: PlannedJob = { asked: { first: {}, second: undefined }, plan: {}, echo: {} };
/** Rounds of finding a name taken and then free again. */
const MAX_ROUNDS = 3;

/**
 * Records as Secrets of one namespace, one each, named like their TrainJobs. The API server decides
 * every race; what is known here comes from a metadata-only watch and from our own writes.
 */
export class SecretJobStore implements JobStore {
  readonly #parts: SecretJobStoreParts;
  readonly #path: string;
  readonly #cache: Informer<SecretMetadata, JobRecord>;
  readonly #reads = new FreshReads((name) => this.#read(name));
  /** What was last logged of a record that cannot be read, by its uid. */
  readonly #reported = new LRUCache<string, string>({ max: MAX_REPORTED });
  /** Plans as JSON by uid and revision; never callbacks or credentials. */
  readonly #plans = new LRUCache<string, string>({
    maxSize: MAX_PLAN_CHARACTERS,
    sizeCalculation: (text) => text.length + 1,
  });

  constructor(parts: SecretJobStoreParts) {
    const { client, clock, random, logger, backend, namespace } = parts;
    this.#parts = parts;
    this.#path = `/api/v1/namespaces/${namespace}/secrets`;
    this.#cache = new Informer({
      client,
      clock,
      random,
      logger,
      path: this.#path,
      labelSelector: `${BACKEND_LABEL}=${backend}`,
      metadataOnly: true,
      keep: (secret: SecretMetadata) => this.#toRecord(secret),
    });
  }

  open(): Promise<void> {
    return this.#cache.open();
  }

  close(): Promise<void> {
    return this.#cache.close();
  }

  notReadyReason(): string | undefined {
    if (Number.isFinite(this.behindForMs())) return undefined;
    return 'The jobs have not been read from the cluster yet.';
  }

  behindForMs(): number {
    return this.#cache.behindForMs();
  }

  seenUpTo(): string {
    return this.#cache.seenUpTo;
  }

  async create(draft: JobDraft, payload: JobPayload, by: Actor = SYSTEM): Promise<CreateOutcome> {
    const { asked, plan, echo } = payload;
    const { history, slots } = appendEvents(undefined, toFirstEvents(draft, by));
    const body = {
      apiVersion: 'v1',
      kind: 'Secret',
      type: SECRET_TYPE,
      metadata: {
        name: draft.name,
        labels: toLabels(draft),
        annotations: toAnnotations({ ...draft, history }),
      },
      data: { ...toData(payload, this.#parts.planCodec), ...toAttachmentData(slots) },
    };
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const created = await this.#call<SecretMetadata>(
        { method: 'POST', path: this.#path, accept: METADATA_ONLY, body },
        [409, TOO_LARGE, 422],
      );
      if (created === TOO_LARGE || created === 422) throw errors.recordTooLarge();
      if (typeof created !== 'number') {
        const record = this.#toRecord(created);
        if (record === undefined) throw new Error(`the Secret ${draft.name} came back changed`);
        this.#plans.set(toPlanKey(record), JSON.stringify({ asked, plan, echo }));
        this.#cache.put(created);
        return { outcome: 'created', record };
      }
      const found = await this.#fetch(draft.name, METADATA_ONLY);
      if (found !== undefined) return this.#toExisting(found);
    }
    throw errors.jobBeingDeleted();
  }

  async get(name: string): Promise<JobRecord | undefined> {
    return this.getCached(name) ?? this.#reads.read(name);
  }

  getCached(name: string): JobRecord | undefined {
    return this.#cache.get(name);
  }

  getLive(name: string): Promise<JobRecord | undefined> {
    return this.#reads.read(name);
  }

  list(): Iterable<JobRecord> {
    return this.#cache.values();
  }

  count(): number {
    return this.#cache.size;
  }

  async readPayload(record: JobRecord): Promise<JobPayload | undefined> {
    const data = await this.#readData(record);
    if (data === undefined) return undefined;
    const { planned = NO_PLAN, callback, secrets, request } = this.#parse(record, data);
    return { ...planned, callback, secrets, ...(request && { request }) };
  }

  async readPlan(record: JobRecord): Promise<PlannedJob | undefined> {
    const known = this.#plans.get(toPlanKey(record));
    if (known !== undefined) return JSON.parse(known) as PlannedJob;
    const data = await this.#readData(record);
    if (data === undefined) return undefined;
    const { planned } = this.#parse(record, data);
    if (planned !== undefined) this.#plans.set(toPlanKey(record), JSON.stringify(planned));
    return planned;
  }

  async readAttachment(record: JobRecord, name: Attachment): Promise<JsonObject | undefined> {
    const data = await this.#readData(record);
    return data && parseAttachment(data, name);
  }

  async readEvents(record: JobRecord): Promise<readonly JobEvent[]> {
    const data = await this.#readData(record);
    return parseEvents(parseEventSlots(data ?? {}));
  }

  update(record: JobRecord, change: RecordChange): Promise<JobRecord | undefined> {
    const events = toEvents(record, change);
    const { history, slots } = appendEvents(record.history, events);
    const annotations = {
      ...toAnnotationPatch(change, record),
      ...(events.length > 0 && toHistoryAnnotation(history)),
      ...toPhasesAnnotation(appendPhase(record, change)),
    };
    const { prepared, attachments, callback } = change;
    const data = {
      ...(prepared && toPlanData(prepared, this.#parts.planCodec)),
      ...(callback && toCallbackData(callback.target)),
      ...toAttachmentData({ ...(attachments && writeAttachments(attachments)), ...slots }),
    };
    const hasData = Object.keys(data).length > 0;
    return this.#patch(record, { metadata: { annotations }, ...(hasData && { data }) });
  }

  async purgeCredentials(record: JobRecord): Promise<JobRecord | undefined> {
    // Where somebody took the data away, there is only that to be said of it.
    const data = (await this.#readData(record)) ?? {};
    const isSettled = record.delivery.settled !== undefined;
    this.#plans.delete(toPlanKey(record));
    return this.#patch(record, {
      metadata: { annotations: toPurgeAnnotations(record) },
      data: toPurgeData(data, this.#parse(record, data), isSettled),
    });
  }

  async delete(record: JobRecord): Promise<boolean> {
    const { name, uid, version } = record;
    const preconditions = { uid, resourceVersion: version };
    const deleted = await this.#call<{ kind?: string }>(
      {
        method: 'DELETE',
        path: `${this.#path}/${name}`,
        accept: METADATA_ONLY,
        body: { propagationPolicy: 'Background', preconditions },
      },
      [404, 409],
    );
    if (deleted === 409) {
      return (await this.#reads.read(name))?.uid !== uid;
    }
    this.#plans.delete(toPlanKey(record));
    // With finalizers of others the object itself comes back, and stays for now.
    if (typeof deleted === 'number' || deleted.kind === 'Status')
      this.#cache.remove(name, uid, version);
    else this.#cache.put(deleted as SecretMetadata);
    return true;
  }

  watch(listener: (name: string) => void): () => void {
    return this.#cache.watch(({ name }) => listener(name));
  }

  /** A record that is being deleted counts as gone: nothing more may be built on it. */
  #toRecord(secret: SecretMetadata): JobRecord | undefined {
    if (secret.metadata.deletionTimestamp !== undefined) return undefined;
    const parsed = parseRecord(secret, this.#parts.backend);
    if (parsed !== undefined) this.#report(parsed.record, 'annotations', parsed.unreadable);
    return parsed?.record;
  }

  #parse(record: JobRecord, data: SecretData): ParsedData {
    const parsed = parseData(data, this.#parts.planCodec);
    this.#report(record, 'data', parsed.unreadable);
    return parsed;
  }

  /** Logs once which parts of a record cannot be read, and again when these change. */
  #report(record: JobRecord, where: 'annotations' | 'data', parts: readonly string[]): void {
    const key = `${record.uid} ${where}`;
    const known = this.#reported.get(key) ?? '';
    if (parts.join() === known) return;
    this.#reported.set(key, parts.join());
    const { logger } = this.#parts;
    const job = toLogged(record);
    if (parts.length === 0) logger.info(job, 'record can be read again');
    else logger.error({ ...job, unreadable: parts }, 'record cannot be read');
  }

  #toExisting(found: Secret): CreateOutcome {
    const record = this.#toRecord(found);
    if (record !== undefined) {
      this.#cache.put(found);
      return { outcome: 'exists', record };
    }
    const detail =
      found.metadata.deletionTimestamp === undefined
        ? 'The name of this job is taken by a Secret that is no record of this service.'
        : 'An earlier job with this job_id is still being deleted; try again in a moment.';
    return { outcome: 'taken', detail };
  }

  async #read(name: string): Promise<JobRecord | undefined> {
    const known = this.getCached(name);
    const found = await this.#fetch(name, METADATA_ONLY);
    if (found !== undefined) {
      this.#cache.put(found);
      return this.#toRecord(found);
    }
    if (known !== undefined) this.#cache.remove(name, known.uid, known.version);
    return undefined;
  }

  async #readData({ name, uid }: JobRecord): Promise<SecretData | undefined> {
    const found = await this.#fetch(name);
    const isOurs = found?.metadata.uid === uid && found.type === SECRET_TYPE;
    return isOurs ? found.data : undefined;
  }

  async #fetch(name: string, accept?: string): Promise<Secret | undefined> {
    const request = { method: 'GET', path: `${this.#path}/${name}`, ...(accept && { accept }) };
    const found = await this.#call<Secret>(request as ApiRequest, [404]);
    return typeof found === 'number' ? undefined : found;
  }

  async #patch(
    { name, uid, version }: JobRecord,
    patch: { metadata: object; data?: object },
  ): Promise<JobRecord | undefined> {
    const metadata = { ...patch.metadata, uid, resourceVersion: version };
    const patched = await this.#call<SecretMetadata>(
      {
        method: 'PATCH',
        path: `${this.#path}/${name}`,
        contentType: MERGE_PATCH,
        accept: METADATA_ONLY,
        body: { ...patch, metadata },
      },
      [404, 409],
    );
    if (typeof patched === 'number') return undefined;
    this.#cache.put(patched);
    return this.#toRecord(patched);
  }

  /**
   * Makes one call; a refusal with an HTTP status that is `expected` is returned as that status. An
   * answer without a reason is that of somebody in between, and says nothing about the object.
   */
  async #call<T extends object>(
    request: ApiRequest,
    expected: readonly number[],
  ): Promise<T | number> {
    try {
      return await this.#parts.client.call<T>(request);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const { status, reason, message } = error;
      // A full quota is no fault of ours nor of the cluster's, and its sentence names what to do.
      const quota = status === 403 ? quotaSentence(error.serverMessage ?? '') : undefined;
      if (quota !== undefined) throw errors.submissionRefused(quota);
      if (status === undefined || !expected.includes(status)) {
        throw toClusterFailure(error, this.#parts.logger);
      }
      if (reason !== undefined || status === TOO_LARGE) return status;
      throw toClusterFailure(new ApiError(message, { cause: error }), this.#parts.logger);
    }
  }
}

function toPlanKey({ uid, planRevision }: JobRecord): string {
  return `${uid} ${planRevision}`;
}
