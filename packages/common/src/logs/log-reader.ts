import type { Logger } from 'pino';
import { errors } from '../errors.ts';
import type { JobRecord } from '../jobs/job.ts';
import type { Secrets } from '../jobs/job-environment.ts';
import type { JobRunner } from '../jobs/job-runner.ts';
import type { JobStore } from '../jobs/job-store.ts';
import { isLogEnd, type LogEnd, type LogItem, type LogQuery } from '../jobs/log-line.ts';
import { toOutputPlace } from '../jobs/output-place.ts';
import { SecretMask } from '../jobs/secret-mask.ts';
import { redact } from '../requests/credentials.ts';
import { maskLines } from './mask-lines.ts';

export interface LogReaderParts {
  readonly store: JobStore;
  readonly runner: JobRunner;
  /** Secret values of the operator's that jobs use beside their own; undefined if not readable. */
  readonly readSharedSecrets?: (() => Promise<Secrets | undefined>) | undefined;
  readonly logger: Logger;
  /** How many may read at a time. */
  readonly maxReaders: number;
}

/** A log that is being read. */
export interface OpenLog {
  /** Masked; the last one says why there are no more. It is read as fast as it is iterated. */
  readonly items: AsyncIterable<LogItem>;
  /** Where the whole log will lie once it is complete, as far as the request says so. */
  readonly archive: string | undefined;
}

/** Reads the logs of jobs for callers: without credentials, and for so many of them at a time. */
export class LogReader {
  readonly #parts: LogReaderParts;
  readonly #closing = new AbortController();
  #readers = 0;

  constructor(parts: LogReaderParts) {
    this.#parts = parts;
  }

  /** How many read now. */
  get readerCount(): number {
    return this.#readers;
  }

  /**
   * Opens a log; `signal` ends the reading, and has to be aborted when nobody reads any more.
   * @throws TrainerError TOO_MANY_READERS, JOB_NOT_FOUND, CLUSTER_UNAVAILABLE
   */
  async open(record: JobRecord, query: LogQuery, signal: AbortSignal): Promise<OpenLog> {
    const { maxReaders } = this.#parts;
    if (this.#readers >= maxReaders) throw errors.tooManyLogReaders(maxReaders);
    this.#readers += 1;
    signal.addEventListener('abort', () => (this.#readers -= 1), { once: true });
    signal.throwIfAborted();
    return this.#open(record, query, signal);
  }

  /** Ends all reading, each with a last word. */
  close(): void {
    this.#closing.abort();
  }

  async #open(record: JobRecord, query: LogQuery, signal: AbortSignal): Promise<OpenLog> {
    const { store, runner, readSharedSecrets = async () => ({}) } = this.#parts;
    const [payload, shared] = await Promise.all([store.readPayload(record), readSharedSecrets()]);
    // After the values were read, since both go at once when they are purged.
    const current = payload && (await store.getLive(record.name));
    if (payload === undefined || current?.uid !== record.uid) throw errors.jobNotFound(record.id);
    const archive = findArchive(record, payload.asked.second ?? payload.asked.first);
    if (current.areCredentialsGone && !current.hasNoCredentials) {
      return { items: only('CREDENTIALS_GONE'), archive };
    }
    // Without every value that must not be in it, nothing is shown.
    if (shared === undefined) throw errors.clusterRefusesUs();
    if (runner.readLogs === undefined) return { items: only('RUN_GONE'), archive };
    const closing = this.#closing.signal;
    const items = await runner.readLogs(current, query, AbortSignal.any([signal, closing]));
    const masked = maskLines(items, new SecretMask(payload.secrets, shared));
    return { items: this.#untilCut(record, masked), archive };
  }

  /** What cuts a reading off is said as its last word. */
  async *#untilCut({ id }: JobRecord, items: AsyncIterable<LogItem>): AsyncGenerator<LogItem> {
    const closing = this.#closing.signal;
    try {
      for await (const item of items) {
        if (closing.aborted) break;
        yield item;
        if (isLogEnd(item)) return;
      }
    } catch (error) {
      this.#parts.logger.warn({ job_id: id, err: error }, 'log of a job broke off');
    }
    yield { end: closing.aborted ? 'SERVICE_CLOSING' : 'CUT_OFF' };
  }
}

async function* only(end: LogEnd['end']): AsyncGenerator<LogItem> {
  yield { end };
}

function findArchive({ id }: JobRecord, asked: unknown): string | undefined {
  const { artifacts } = (asked ?? {}) as { artifacts?: { log_uri?: unknown } };
  const uri = artifacts?.log_uri;
  return typeof uri === 'string' ? (redact(toOutputPlace(uri, id)) as string) : undefined;
}
