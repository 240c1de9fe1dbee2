import { LRUCache } from 'lru-cache';
import { isTerminal, type JobRecord } from '../jobs/job.ts';
import {
  addLogTail,
  cutTail,
  type LogTail,
  MAX_TAIL_BYTES,
  parseLogTails,
} from '../jobs/log-tails.ts';
import { updateRecord } from '../jobs/update-record.ts';
import { demandMask } from './read-mask.ts';
import type { ReportWriterParts } from './report-writer.ts';
import { TurnedWriter } from './turned-writer.ts';
import type { WriteTurns } from './write-turns.ts';

export interface TailWriterParts extends ReportWriterParts {
  readonly turns: WriteTurns;
}

interface Reported {
  readonly name: string;
  /** Of each run that has reported, the newest; two runs at most. */
  readonly tails: readonly LogTail[];
}

/** In memory, as they came. */
const MAX_BYTES = 32 * 1024 * 1024;
const MAX_RUNS = 2;

/**
 * Keeps with the record how the log of each run ended that did not succeed, once another has begun or
 * the job has ended: its pods, and their log, may be gone by then.
 */
export class TailWriter {
  readonly #parts: TailWriterParts;
  readonly #writer: TurnedWriter;
  /** By the record's uid. */
  readonly #reported = new LRUCache<string, Reported>({
    maxSize: MAX_BYTES,
    sizeCalculation: ({ tails }) => tails.reduce((sum, { text }) => sum + text.length, 200),
  });
  readonly #unwatch: () => void;

  constructor(parts: TailWriterParts) {
    this.#parts = parts;
    const failure = 'end of a log could not be kept, retrying';
    this.#writer = new TurnedWriter(parts, failure, (record) => this.#write(record));
    this.#unwatch = parts.store.watch((name) => this.#plan(name));
  }

  /** To be called with the number of the run and each tail that it reports. */
  note({ name, uid }: JobRecord, attempt: number, text: string): void {
    const { clock } = this.#parts;
    const known = this.#reported.get(uid)?.tails.filter((tail) => tail.attempt !== attempt) ?? [];
    // Twice the size, since what is masked may be shorter.
    const tail = { attempt, atMs: clock.now(), text: text.slice(-2 * MAX_TAIL_BYTES) };
    this.#reported.set(uid, { name, tails: [...known, tail].slice(-MAX_RUNS) });
    this.#plan(name);
  }

  /** Writes nothing more; resolves when nothing is under way. */
  async close(): Promise<void> {
    this.#unwatch();
    await this.#writer.close();
  }

  #plan(name: string): void {
    const record = this.#parts.store.getCached(name);
    if (record !== undefined && this.#findDue(record).length > 0) this.#writer.plan(record);
  }

  /** The tails of runs that are over and did not succeed. */
  #findDue(record: JobRecord): readonly LogTail[] {
    const tails = this.#reported.peek(record.uid)?.tails ?? [];
    const { status } = record.state;
    if (isTerminal(status) && status !== 'succeeded') return tails;
    const newest = Math.max(record.reported?.attempt ?? 1, ...tails.map(({ attempt }) => attempt));
    return tails.filter(({ attempt }) => attempt < newest);
  }

  async #write(record: JobRecord): Promise<void> {
    const due = this.#findDue(record);
    const { store } = this.#parts;
    const masked = await demandMask(this.#parts, record);
    if (masked === undefined) return;
    await updateRecord(store, record, async (current) => {
      if (current.areCredentialsGone) return undefined;
      const kept = parseLogTails(await store.readAttachment(current, 'log-tails'));
      const tails = due.reduce(
        (all, tail) => addLogTail(all, { ...tail, text: cutTail(masked.mask(tail.text)) }),
        kept,
      );
      return tails === kept ? undefined : { attachments: { 'log-tails': { tails } } };
    });
    this.#forget(record.uid, due);
  }

  #forget(uid: string, written: readonly LogTail[]): void {
    const known = this.#reported.peek(uid);
    if (known === undefined) return;
    const tails = known.tails.filter((tail) => !written.includes(tail));
    if (tails.length === 0) this.#reported.delete(uid);
    else this.#reported.set(uid, { ...known, tails });
  }
}
