import { randomUUID } from 'node:crypto';
import type { Database } from '../../stores/sqlite/database.ts';
import { identifyProcess, isSameProcess, type ProcessFacts } from './process-facts.mjs';

/**
 * Makes this process the one that serves a backend on this machine, for as long as it lives, so
 * that nobody else acts on that backend's jobs.
 */
export class BackendOwner {
  readonly #database: Database;
  readonly #backend: string;
  readonly #token = randomUUID();

  constructor(database: Database, backend: string) {
    this.#database = database;
    this.#backend = backend;
  }

  /** @throws Error with a sentence for people when another process serves the backend. */
  async open(): Promise<void> {
    const own = identifyProcess(process.pid);
    await this.#database.write(() => {
      const row = this.#database.get('SELECT * FROM owners WHERE backend = ?', this.#backend);
      const other = row && (JSON.parse(String(row.process)) as ProcessFacts);
      if (other && String(row.token) !== this.#token && isSameProcess(other)) {
        throw new Error(
          `Another ${this.#backend} service (process ${other.pid}) already keeps its jobs in this TRAINER_LOCAL_STATE_DIR: end it, or set another folder.`,
        );
      }
      this.#database.run(
        'INSERT OR REPLACE INTO owners (backend, token, process) VALUES (?, ?, ?)',
        ...[this.#backend, this.#token, JSON.stringify(own)],
      );
    });
  }

  /** Lets the next process in; harmless when repeated. */
  async close(): Promise<void> {
    await this.#database.write(() =>
      this.#database.run(
        "UPDATE owners SET token = '', process = ? WHERE backend = ? AND token = ?",
        ...[JSON.stringify({ pid: 0, start: '', boot: '' }), this.#backend, this.#token],
      ),
    );
  }

  /** The backends that a living process serves. */
  listServed(): Set<string> {
    const rows = this.#database.all('SELECT backend, process FROM owners');
    return new Set(
      rows
        .filter(({ process }) => isSameProcess(JSON.parse(String(process)) as ProcessFacts))
        .map(({ backend }) => String(backend)),
    );
  }
}
