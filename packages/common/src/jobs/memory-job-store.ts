import { randomUUID } from 'node:crypto';
import { Emitter } from '../emitter.ts';
import { writeKept } from '../requests/kept-request.ts';
import { toJsonText } from '../to-json-text.ts';
import { applyChange } from './apply-change.ts';
import type { Attachment } from './attachment.ts';
import { appendEvents, isEventSlot, parseEvents } from './history.ts';
import type {
  CallbackTarget,
  JobDraft,
  JobPayload,
  JobRecord,
  JsonObject,
  PlannedJob,
} from './job.ts';
import { type Actor, type JobEvent, SYSTEM } from './job-event.ts';
import type { CreateOutcome, JobStore, RecordChange } from './job-store.ts';
import { purgePayload, toPurged } from './purge-payload.ts';
import { toFirstEvents } from './record-events.ts';

/** A payload as texts: a tenth of the memory of the objects, and read a few times per job. */
interface PayloadTexts {
  /** The two forms of what was asked are mostly one text, and the echo is that of the answers. */
  readonly first: string;
  readonly second: string | undefined;
  readonly echo: string;
  /** The kept request without what it withholds. */
  readonly request: string | undefined;
  /** Changes most often, and then nothing else is written anew. */
  readonly callback: string | undefined;
  readonly rest: string;
}

interface Entry {
  record: JobRecord;
  texts: PayloadTexts;
  readonly attachments: Map<string, string>;
}

/** Records in this process's memory: they end with it. */
export class MemoryJobStore implements JobStore {
  readonly #entries = new Map<string, Entry>();
  readonly #changes = new Emitter<string>();

  async open(): Promise<void> {}

  async close(): Promise<void> {
    this.#changes.clear();
  }

  notReadyReason(): string | undefined {
    return undefined;
  }

  behindForMs(): number {
    return 0;
  }

  async create(draft: JobDraft, payload: JobPayload, by: Actor = SYSTEM): Promise<CreateOutcome> {
    const existing = this.#entries.get(draft.name);
    if (existing !== undefined) return { outcome: 'exists', record: existing.record };
    const { history, slots } = appendEvents(undefined, toFirstEvents(draft, by));
    const record: JobRecord = { ...draft, history, uid: randomUUID(), version: '1' };
    this.#entries.set(record.name, {
      record,
      texts: toTexts(payload),
      attachments: new Map(Object.entries(slots)),
    });
    this.#announce(record.name);
    return { outcome: 'created', record };
  }

  async get(name: string): Promise<JobRecord | undefined> {
    return this.getCached(name);
  }

  async getLive(name: string): Promise<JobRecord | undefined> {
    return this.getCached(name);
  }

  getCached(name: string): JobRecord | undefined {
    return this.#entries.get(name)?.record;
  }

  *list(): Iterable<JobRecord> {
    for (const { record } of this.#entries.values()) yield record;
  }

  count(): number {
    return this.#entries.size;
  }

  async readPayload(record: JobRecord): Promise<JobPayload | undefined> {
    const entry = this.#entries.get(record.name);
    if (entry?.record.uid !== record.uid) return undefined;
    return toPayload(entry.texts);
  }

  async readPlan(record: JobRecord): Promise<PlannedJob | undefined> {
    const payload = await this.readPayload(record);
    if (payload === undefined) return undefined;
    const { asked, plan, echo } = payload;
    return { asked, plan, echo };
  }

  async readAttachment(record: JobRecord, name: Attachment): Promise<JsonObject | undefined> {
    const entry = this.#entries.get(record.name);
    const text = entry?.record.uid === record.uid ? entry.attachments.get(name) : undefined;
    return text === undefined ? undefined : JSON.parse(text);
  }

  async readEvents(record: JobRecord): Promise<readonly JobEvent[]> {
    const entry = this.#entries.get(record.name);
    if (entry?.record.uid !== record.uid) return [];
    const slots = [...entry.attachments].filter(([name]) => isEventSlot(name));
    return parseEvents(slots.map(([, text]) => JSON.parse(text)));
  }

  async update(record: JobRecord, change: RecordChange): Promise<JobRecord | undefined> {
    const entry = this.#current(record);
    if (entry === undefined) return undefined;
    const { prepared, callback } = change;
    const { fields, attachments } = applyChange(record, change);
    if (callback !== undefined) {
      entry.texts = { ...entry.texts, callback: toCallbackText(callback.target) };
    }
    for (const [name, text] of Object.entries(attachments)) entry.attachments.set(name, text);
    if (prepared !== undefined) {
      entry.texts = toTexts({ ...toPayload(entry.texts), ...prepared });
    }
    const version = String(Number(record.version) + 1);
    entry.record = { ...entry.record, ...fields, version };
    this.#announce(record.name);
    return entry.record;
  }

  async purgeCredentials(record: JobRecord): Promise<JobRecord | undefined> {
    const entry = this.#current(record);
    if (entry === undefined) return undefined;
    const payload = toPayload(entry.texts);
    const isSettled = record.delivery.settled !== undefined;
    entry.texts = toTexts({ ...payload, ...purgePayload(payload, isSettled) });
    entry.record = { ...entry.record, ...toPurged(record) };
    return this.update(record, {});
  }

  async delete(record: JobRecord): Promise<boolean> {
    if (this.#entries.get(record.name)?.record.uid !== record.uid) return true;
    if (this.#current(record) === undefined) return false;
    this.#entries.delete(record.name);
    this.#announce(record.name);
    return true;
  }

  watch(listener: (name: string) => void): () => void {
    return this.#changes.watch(listener);
  }

  #current({ name, uid, version }: JobRecord): Entry | undefined {
    const entry = this.#entries.get(name);
    return entry?.record.uid === uid && entry.record.version === version ? entry : undefined;
  }

  #announce(name: string): void {
    this.#changes.emit(name);
  }
}

function toTexts({ asked, echo, request, callback, ...rest }: JobPayload): PayloadTexts {
  return {
    first: toJsonText(asked.first),
    second: asked.second && toJsonText(asked.second),
    echo: toJsonText(echo),
    request: request && writeKept(request),
    callback: toCallbackText(callback),
    rest: JSON.stringify({ ...rest, values: request?.values }),
  };
}

function toCallbackText(target: CallbackTarget | undefined): string | undefined {
  return target && JSON.stringify(target);
}

function toPayload({ first, second, echo, request, callback, rest }: PayloadTexts): JobPayload {
  const asked = { first: JSON.parse(first), second: second && JSON.parse(second) };
  const { values, ...others } = JSON.parse(rest);
  const kept = request && { ...JSON.parse(request), ...(values && { values }) };
  return {
    ...others,
    asked,
    echo: JSON.parse(echo),
    callback: callback && JSON.parse(callback),
    ...(kept && { request: kept }),
  };
}
