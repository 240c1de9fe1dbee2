import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import type { Clock } from '../../clock.ts';
import { toDatabaseFailure, whyOf } from './database-failure.ts';
import { MIGRATIONS } from './schema.ts';

export type Row = Readonly<Record<string, SQLInputValue>>;

/** Another process of this machine writes for a millisecond or two; longer means that it hangs. */
const MAX_WAIT_MS = 5000;
const FIRST_WAIT_MS = 2;
const LAST_WAIT_MS = 50;
const TRUNCATE_AGAIN_MS = 1000;

/**
 * One SQLite file that several processes of one machine share. A write that was acknowledged
 * survives the death of the process and of the machine (WAL, synchronous=FULL); what is deleted is
 * overwritten (secure_delete). Readable by its owner alone.
 */
export class Database {
  readonly #clock: Clock;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #cancelTruncation: (() => void) | undefined;

  /**
   * Opens the file, which is made where it does not exist, and brings its schema up to date.
   * @throws Error with a sentence for people when it cannot be used.
   */
  constructor(path: string, clock: Clock) {
    this.#clock = clock;
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      // SQLite gives its other files the mode of this one.
      closeSync(openSync(path, 'a', 0o600));
      chmodSync(path, 0o600);
      this.#database = new DatabaseSync(path, { timeout: MAX_WAIT_MS });
      this.#database.exec(
        'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;',
      );
      this.#migrate();
      // From here on a lock is waited for without holding up the process.
      this.#database.exec('PRAGMA busy_timeout = 0');
    } catch (error) {
      throw new Error(`The records in ${path} cannot be used: ${whyOf(error)}.`, { cause: error });
    }
  }

  /** @throws TrainerError CLUSTER_UNAVAILABLE */
  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#try(() => this.#prepare(sql).get(...values) as Row | undefined);
  }

  /** @throws TrainerError CLUSTER_UNAVAILABLE */
  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#try(() => this.#prepare(sql).all(...values) as Row[]);
  }

  /** Changes one thing inside `write`; how many rows it changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepare(sql).run(...values).changes);
  }

  /**
   * Runs `work` as one transaction in which nobody else writes; what it throws undoes all of it.
   * @throws TrainerError CLUSTER_UNAVAILABLE when the file stays locked, is full or broken.
   */
  async write<T>(work: () => T): Promise<T> {
    const deadlineMs = this.#clock.monotonic() + MAX_WAIT_MS;
    for (let waitMs = FIRST_WAIT_MS; !this.#begin(deadlineMs); ) {
      await new Promise<void>((resolve) => this.#clock.schedule(waitMs, resolve));
      waitMs = Math.min(LAST_WAIT_MS, waitMs * 2);
    }
    return this.#try(() => {
      try {
        const result = work();
        this.#database.exec('COMMIT');
        return result;
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
        throw error;
      }
    });
  }

  /** Empties the write-ahead log, where deleted credentials may still stand. */
  truncateLog(): void {
    this.#cancelTruncation?.();
    this.#cancelTruncation = undefined;
    if (!this.#database.isOpen) return;
    const isDone = this.#truncate();
    // Whoever reads in this moment holds it up.
    if (!isDone) {
      this.#cancelTruncation = this.#clock.schedule(TRUNCATE_AGAIN_MS, () => this.truncateLog());
    }
  }

  /** Harmless when repeated. */
  close(): void {
    this.#cancelTruncation?.();
    this.#statements.clear();
    if (this.#database.isOpen) this.#database.close();
  }

  #truncate(): boolean {
    try {
      const row = this.#database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get();
      return row?.busy === 0;
    } catch {
      return false;
    }
  }

  /** Whether the transaction has begun; false while another process holds the lock. */
  #begin(deadlineMs: number): boolean {
    return this.#try(() => {
      try {
        this.#database.exec('BEGIN IMMEDIATE');
        return true;
      } catch (error) {
        if (isBusy(error) && this.#clock.monotonic() < deadlineMs) return false;
        throw error;
      }
    });
  }

  #try<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw toDatabaseFailure(error);
    }
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #migrate(): void {
    this.#database.exec('BEGIN IMMEDIATE');
    const version = Number(this.#database.prepare('PRAGMA user_version').get()?.user_version);
    if (version > MIGRATIONS.length) {
      throw new Error('a newer release has written them, and this one cannot read them');
    }
    for (const migration of MIGRATIONS.slice(version)) this.#database.exec(migration);
    this.#database.exec(`PRAGMA user_version = ${MIGRATIONS.length}; COMMIT`);
  }
}

const SQLITE_BUSY = 5;

function isBusy(error: unknown): boolean {
  // The lower byte is the kind of an error, whatever more it says.
  return ((error as { errcode?: number }).errcode ?? 0) % 256 === SQLITE_BUSY;
}
