import { randomUUID } from 'node:crypto';
import { Emitter } from '../../emitter.ts';
import { applyChange } from '../../jobs/apply-change.ts';
import type { Attachment } from '../../jobs/attachment.ts';
import { appendEvents, parseEvents } from '../../jobs/history.ts';
import type {
  CallbackTarget,
  JobDraft,
  JobPayload,
  JobRecord,
  JsonObject,
  PlannedJob,
  RunnerPlan,
} from '../../jobs/job.ts';
import { type Actor, type JobEvent, SYSTEM } from '../../jobs/job-event.ts';
import type { CreateOutcome, JobStore, RecordChange } from '../../jobs/job-store.ts';
import { purgePayload, toPurged } from '../../jobs/purge-payload.ts';
import { toFirstEvents } from '../../jobs/record-events.ts';
import { parsePrivateJson } from '../../private-json.ts';
import { type KeptRequest, writeKept } from '../../requests/kept-request.ts';
import type { Database, Row } from './database.ts';
import { readRecord, writeRecord } from './record-text.ts';

/** Of a record whose plan cannot be read. */
const NO_PLAN: PlannedJob = { asked: { first: {}, second: undefined }, plan: {}, echo: {} };

/**
 * Records in SQLite. The services of one machine share the file; a backend has one process, which
 * therefore knows of every change of its records and keeps all of them in memory.
 */
export class SqliteJobStore implements JobStore {
  readonly #database: Database;
  readonly #backend: string;
  readonly #records = new Map<string, JobRecord>();
  readonly #changes = new Emitter<string>();
  #isOpen = false;

  /** `database` remains its maker's to close. */
  constructor(database: Database, backend: string) {
    this.#database = database;
    this.#backend = backend;
  }

  async open(): Promise<void> {
    const rows = this.#database.all('SELECT * FROM records WHERE backend = ?', this.#backend);
    this.#records.clear();
    for (const record of rows.map(toRecord)) this.#records.set(record.name, record);
    this.#isOpen = true;
  }

  async close(): Promise<void> {
    this.#changes.clear();
  }

  notReadyReason(): string | undefined {
    return this.#isOpen ? undefined : 'The records have not been read yet.';
  }

  behindForMs(): number {
    return this.#isOpen ? 0 : Number.POSITIVE_INFINITY;
  }

  async create(draft: JobDraft, payload: JobPayload, by: Actor = SYSTEM): Promise<CreateOutcome> {
    const { history, slots } = appendEvents(undefined, toFirstEvents(draft, by));
    const record: JobRecord = { ...draft, history, uid: randomUUID(), version: '1' };
    const { asked, plan, echo, callback, secrets, request } = payload;
    const existing = await this.#database.write(() => {
      const found = this.#read(draft.name);
      if (found !== undefined) return found;
      this.#database.run(
        'INSERT INTO records (name, backend, uid, version, record) VALUES (?, ?, ?, 1, ?)',
        ...[record.name, this.#backend, record.uid, writeRecord(record)],
      );
      this.#database.run(
        'INSERT INTO payloads (uid, asked, plan, echo, callback, secrets, request, request_credentials) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
        ...[record.uid, ...[asked, plan, echo].map((value) => JSON.stringify(value))],
        ...[callback === undefined ? null : JSON.stringify(callback), JSON.stringify(secrets)],
        ...toRequestColumns(request),
      );
      this.#writeAttachments(record.uid, slots);
      return undefined;
    });
    if (existing !== undefined) return { outcome: 'exists', record: this.#keep(existing) };
    this.#keep(record);
    this.#announce(record.name);
    return { outcome: 'created', record };
  }

  async get(name: string): Promise<JobRecord | undefined> {
    return this.getCached(name) ?? this.getLive(name);
  }

  getCached(name: string): JobRecord | undefined {
    return this.#records.get(name);
  }

  async getLive(name: string): Promise<JobRecord | undefined> {
    const record = this.#read(name);
    if (record === undefined) {
      if (this.#records.delete(name)) this.#announce(name);
      return undefined;
    }
    return this.#keep(record);
  }

  *list(): Iterable<JobRecord> {
    yield* this.#records.values();
  }

  count(): number {
    return this.#records.size;
  }

  async readPayload({ uid }: JobRecord): Promise<JobPayload | undefined> {
    const row = this.#database.get('SELECT * FROM payloads WHERE uid = ?', uid);
    if (row === undefined) return undefined;
    return {
      ...(toPlannedJob(row) ?? NO_PLAN),
      callback: toCallback(row),
      secrets: parseColumn<JobPayload['secrets']>(row, 'secrets'),
      ...toKeptRequest(row),
    };
  }

  async readPlan({ uid }: JobRecord): Promise<PlannedJob | undefined> {
    const row = this.#database.get('SELECT asked, plan, echo FROM payloads WHERE uid = ?', uid);
    return row && toPlannedJob(row);
  }

  async readAttachment({ uid }: JobRecord, name: Attachment): Promise<JsonObject | undefined> {
    const row = this.#database.get(
      'SELECT content FROM attachments WHERE uid = ? AND name = ?',
      ...[uid, name],
    );
    return row && unlessUnreadable(() => parseColumn<JsonObject>(row, 'content'));
  }

  async readEvents({ uid }: JobRecord): Promise<readonly JobEvent[]> {
    const rows = this.#database.all(
      "SELECT content FROM attachments WHERE uid = ? AND name LIKE 'event-%'",
      uid,
    );
    return parseEvents(rows.map((row) => unlessUnreadable(() => parseColumn(row, 'content'))));
  }

  async update(record: JobRecord, change: RecordChange): Promise<JobRecord | undefined> {
    const { prepared, callback } = change;
    const { fields, attachments } = applyChange(record, change);
    return this.#change(record, fields, () => {
      if (prepared !== undefined) this.#writePlan(record.uid, prepared);
      if (callback !== undefined) this.#writeCallback(record.uid, callback.target);
      this.#writeAttachments(record.uid, attachments);
    });
  }

  async purgeCredentials(record: JobRecord): Promise<JobRecord | undefined> {
    const row = this.#database.get('SELECT * FROM payloads WHERE uid = ?', record.uid);
    const purged = await this.#change(record, toPurged(record), () => {
      if (row === undefined) return;
      const payload = { ...toRepeated(row), callback: toCallback(row) };
      const { asked, callback } = purgePayload(payload, record.delivery.settled !== undefined);
      this.#database.run(
        "UPDATE payloads SET secrets = '{}', request_credentials = NULL, asked = ?, callback = ? WHERE uid = ?",
        ...[JSON.stringify(asked), callback === undefined ? null : JSON.stringify(callback)],
        record.uid,
      );
    });
    this.#database.truncateLog();
    return purged;
  }

  async delete(record: JobRecord): Promise<boolean> {
    const { name, uid, version } = record;
    const isGone = await this.#database.write(() => {
      const current = this.#read(name);
      if (current?.uid !== uid) return true;
      if (current.version !== version) return false;
      this.#database.run('DELETE FROM records WHERE uid = ?', uid);
      this.#database.run('DELETE FROM payloads WHERE uid = ?', uid);
      this.#database.run('DELETE FROM attachments WHERE uid = ?', uid);
      return true;
    });
    if (isGone && this.#records.get(name)?.uid === uid) {
      this.#records.delete(name);
      this.#database.truncateLog();
      this.#announce(name);
    }
    return isGone;
  }

  watch(listener: (name: string) => void): () => void {
    return this.#changes.watch(listener);
  }

  async #change(
    record: JobRecord,
    changed: Partial<JobRecord>,
    alsoWrite: () => void = () => {},
  ): Promise<JobRecord | undefined> {
    const updated = await this.#database.write(() => {
      const current = this.#read(record.name);
      if (current?.uid !== record.uid || current.version !== record.version) return undefined;
      alsoWrite();
      const version = String(Number(current.version) + 1);
      const next = { ...current, ...changed, version };
      this.#database.run(
        'UPDATE records SET version = ?, record = ? WHERE uid = ?',
        ...[Number(version), writeRecord(next), record.uid],
      );
      return next;
    });
    if (updated === undefined) return undefined;
    this.#keep(updated);
    this.#announce(record.name);
    return updated;
  }

  #writeAttachments(uid: string, texts: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(texts)) {
      this.#database.run(
        'INSERT OR REPLACE INTO attachments (uid, name, content) VALUES (?, ?, ?)',
        ...[uid, name, text],
      );
    }
  }

  #writeCallback(uid: string, target: CallbackTarget | undefined): void {
    this.#database.run(
      'UPDATE payloads SET callback = ? WHERE uid = ?',
      ...[target === undefined ? null : JSON.stringify(target), uid],
    );
  }

  #writePlan(uid: string, { plan, echo }: RunnerPlan): void {
    this.#database.run(
      'UPDATE payloads SET plan = ?, echo = ? WHERE uid = ?',
      ...[JSON.stringify(plan), JSON.stringify(echo), uid],
    );
  }

  #read(name: string): JobRecord | undefined {
    const row = this.#database.get(
      'SELECT * FROM records WHERE name = ? AND backend = ?',
      ...[name, this.#backend],
    );
    return row && toRecord(row);
  }

  /** The newest of what is known of a record; equal objects stay the same. */
  #keep(record: JobRecord): JobRecord {
    const known = this.#records.get(record.name);
    if (known?.uid === record.uid && known.version === record.version) return known;
    this.#records.set(record.name, record);
    return record;
  }

  #announce(name: string): void {
    this.#changes.emit(name);
  }
}

function toRecord({ record, uid, version }: Row): JobRecord {
  return readRecord(String(record), String(uid), Number(version));
}

function toPlannedJob(row: Row): PlannedJob | undefined {
  return unlessUnreadable(() => ({
    asked: parseColumn<PlannedJob['asked']>(row, 'asked'),
    plan: parseColumn<JsonObject>(row, 'plan'),
    echo: parseColumn<JsonObject>(row, 'echo'),
  }));
}

function toCallback(row: Row): CallbackTarget | undefined {
  if (row.callback === null) return undefined;
  return unlessUnreadable(() => parseColumn<CallbackTarget>(row, 'callback'));
}

function toRequestColumns(request: KeptRequest | undefined): (string | null)[] {
  if (request === undefined) return [null, null];
  const { values } = request;
  return [writeKept(request), values === undefined ? null : JSON.stringify(values)];
}

/** Without what it withheld, where that is purged or cannot be read. */
function toKeptRequest(row: Row): Pick<JobPayload, 'request'> {
  if (row.request === null) return {};
  const kept = unlessUnreadable(() =>
    parseColumn<Pick<KeptRequest, 'body' | 'withheld'>>(row, 'request'),
  );
  if (kept === undefined) return {};
  const isWhole = kept.withheld.length === 0;
  const values = isWhole
    ? []
    : unlessUnreadable(() => parseColumn<unknown[] | null>(row, 'request_credentials'));
  return { request: { ...kept, ...(values && { values }) } };
}

/** What was asked, with the credentials that it may repeat: where either cannot be read, nothing. */
function toRepeated(row: Row): Pick<JobPayload, 'asked' | 'secrets'> {
  const known = unlessUnreadable(() => ({
    asked: parseColumn<PlannedJob['asked']>(row, 'asked'),
    secrets: parseColumn<JobPayload['secrets']>(row, 'secrets'),
  }));
  return known ?? { asked: NO_PLAN.asked, secrets: {} };
}

/** A part that cannot be read counts as gone. */
function unlessUnreadable<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** @throws SyntaxError naming the column alone. */
function parseColumn<T>(row: Row, column: string): T {
  return parsePrivateJson(String(row[column]), `the column ${column} of a job`) as T;
}
