import type { Logger } from 'pino';
import { errors } from '../errors.ts';
import type { JobPayload, JobRecord } from '../jobs/job.ts';
import { createJobMask } from '../jobs/job-mask.ts';
import type { JobRunner } from '../jobs/job-runner.ts';
import type { JobStore } from '../jobs/job-store.ts';
import {
  isLogEnd,
  type LogEnd,
  type LogItem,
  type LogLine,
  type LogQuery,
} from '../jobs/log-line.ts';
import { type LogTail, parseLogTails } from '../jobs/log-tails.ts';
import { toLogged } from '../jobs/operator-lines.ts';
import { toOutputPlace } from '../jobs/output-place.ts';
import type { ReadSharedSecrets } from '../jobs/platform.ts';
import { redact } from '../requests/credentials.ts';
import { maskLines } from './mask-lines.ts';

export interface LogReaderParts {
  readonly store: JobStore;
  readonly runner: JobRunner;
  readonly readSharedSecrets?: ReadSharedSecrets | undefined;
  readonly logger: Logger;
  /** How many may read at a time. */
  readonly maxReaders: number;
}

export interface LogSignals {
  /** Nobody reads any more; it has to be aborted then, and with it the reading ends. */
  readonly gone: AbortSignal;
  /** Ends the reading with a last word, `CUT_OFF`. */
  readonly cut: AbortSignal;
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
   * Opens a log.
   * @throws TrainerError TOO_MANY_READERS, JOB_NOT_FOUND, CLUSTER_UNAVAILABLE; what `gone` was aborted
   *   with
   */
  async open(record: JobRecord, query: LogQuery, signals: LogSignals): Promise<OpenLog> {
    const { maxReaders } = this.#parts;
    // One who has left before would never say that the place is free.
    signals.gone.throwIfAborted();
    if (this.#readers >= maxReaders) throw errors.tooManyLogReaders(maxReaders);
    this.#readers += 1;
    signals.gone.addEventListener('abort', () => (this.#readers -= 1), { once: true });
    return this.#open(record, query, signals);
  }

  /** Ends all reading, each with a last word. */
  close(): void {
    this.#closing.abort();
  }

  async #open(record: JobRecord, query: LogQuery, { gone, cut }: LogSignals): Promise<OpenLog> {
    const { store, runner, readSharedSecrets = async () => [] } = this.#parts;
    const payload = await store.readPayload(record);
    const shared = payload && (await readSharedSecrets(payload));
    // After the values were read, since both go at once when they are purged.
    const current = payload && (await store.getLive(record.name));
    if (payload === undefined || current?.uid !== record.uid) throw errors.jobNotFound(record.id);
    const archive = findArchive(record, payload);
    const tail = await this.#findTail(current, query);
    if (current.areCredentialsGone && !current.hasNoCredentials) {
      return { items: orTail(only('CREDENTIALS_GONE'), tail), archive };
    }
    // Without every value that must not be in it, nothing is shown.
    if (shared === undefined) throw errors.clusterRefusesUs();
    if (runner.readLogs === undefined) return { items: orTail(only('RUN_GONE'), tail), archive };
    const end = AbortSignal.any([cut, this.#closing.signal]);
    // Of a run that is over nothing more comes.
    const wanted = tail === undefined ? query : { ...query, follow: false };
    const items = await runner.readLogs(current, wanted, AbortSignal.any([gone, end]));
    const masked = maskLines(items, createJobMask(payload.secrets, shared));
    return { items: this.#untilCut(record, orTail(masked, tail), end), archive };
  }

  /** What is kept of the run that is asked for. */
  async #findTail(
    record: JobRecord,
    { attempt, previous, node = 0 }: LogQuery,
  ): Promise<LogTail | undefined> {
    const isAsked = attempt !== undefined || previous;
    if (!isAsked || node !== 0 || record.reportTokenHash === undefined) return undefined;
    const kept = parseLogTails(await this.#parts.store.readAttachment(record, 'log-tails'));
    // The newest is that of the run that failed last.
    return attempt === undefined ? kept.at(-1) : kept.find((tail) => tail.attempt === attempt);
  }

  /** What cuts a reading off is said as its last word. */
  async *#untilCut(
    record: JobRecord,
    items: AsyncIterable<LogItem>,
    end: AbortSignal,
  ): AsyncGenerator<LogItem> {
    try {
      for await (const item of items) {
        if (end.aborted) break;
        yield item;
        if (isLogEnd(item)) return;
      }
    } catch (error) {
      this.#parts.logger.warn({ ...toLogged(record), err: error }, 'log of a job broke off');
    }
    yield { end: this.#closing.signal.aborted ? 'SERVICE_CLOSING' : 'CUT_OFF' };
  }
}

async function* only(end: LogEnd['end']): AsyncGenerator<LogItem> {
  yield { end };
}

/** Instead of a log without a line, what is kept of its run. */
async function* orTail(
  items: AsyncIterable<LogItem>,
  tail: LogTail | undefined,
): AsyncGenerator<LogItem> {
  let isEmpty = true;
  for await (const item of items) {
    if (isLogEnd(item) && isEmpty && tail !== undefined) {
      yield* toLines(tail);
      yield { end: item.end === 'LOG_READ' ? 'POD_GONE' : item.end };
      return;
    }
    isEmpty = false;
    yield item;
  }
}

/** Only the first process of node 0 reports. */
function toLines({ attempt, text }: LogTail): LogLine[] {
  const line = { node: 0, attempt, time: undefined, isPartial: false, position: undefined };
  return text
    .replace(/\n$/, '')
    .split('\n')
    .map((words) => ({ ...line, text: words, isTail: true }));
}

function findArchive({ id }: JobRecord, { asked, secrets }: JobPayload): string | undefined {
  const { artifacts } = (asked.second ?? asked.first) as { artifacts?: { log_uri?: unknown } };
  const uri = artifacts?.log_uri;
  if (typeof uri !== 'string') return undefined;
  return createJobMask(secrets).apply(redact(toOutputPlace(uri, id)) as string);
}
