import type { Clock } from '../../clock.ts';
import type { LogItem, LogLine, LogQuery } from '../../jobs/log-line.ts';
import { type LinePiece, LineSplitter } from '../../logs/line-splitter.ts';
import { type LogFile, openLogFiles } from './log-files.ts';
import { MARK_MS } from './log-times.ts';

export interface RunLogParts {
  /** Where the log is; undefined while or after the run has no folder. */
  readonly folder: () => string | undefined;
  /** Whether nothing more will be written. */
  readonly hasEnded: () => boolean;
  /** Whether any line of it is asked for. */
  readonly isWanted: boolean;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Files tell nobody that they have grown. */
const LOOK_MS = 200;

const LOST = '[lines are missing here: the log was rotated before they were read]';

interface Place {
  readonly file: LogFile;
  readonly offset: number;
}

interface NextFile {
  readonly file: LogFile;
  /** Whether others were between. */
  readonly isGap: boolean;
}

/** Reads the log of a run, over its rotations, as fast as it is asked for. */
export class RunLogReader {
  readonly #parts: RunLogParts;
  readonly #query: LogQuery;
  readonly #splitter = new LineSplitter();
  #hasRead = false;
  /** When the line was begun that has not ended yet. */
  #openedAtMs: number | undefined;

  constructor(parts: RunLogParts, query: LogQuery) {
    this.#parts = parts;
    this.#query = query;
  }

  async *read(): AsyncGenerator<LogItem> {
    const { hasEnded, isWanted, signal } = this.#parts;
    const { follow } = this.#query;
    if (!isWanted) return yield { end: 'RUN_GONE' };
    let place = await this.#findStart();
    /** Open too, as long as its turn has not come. */
    let next: NextFile | undefined;
    try {
      while (!signal.aborted) {
        // Asked before it is read, so that what was written last is read.
        const isComplete = hasEnded();
        if (place === undefined) place = await this.#findStart();
        if (place !== undefined) {
          place = yield* this.#readFile(place);
          next = await this.#findNext(place.file);
          if (next !== undefined) {
            // It grows no more, so that this is all of it.
            yield* this.#readFile(place);
            const { isGap, file } = next;
            await place.file.close();
            place = { file, offset: 0 };
            next = undefined;
            if (isGap) yield this.#toLine(LOST, undefined, undefined);
            continue;
          }
        }
        if (isComplete || !follow) {
          if (place !== undefined) yield* this.#readRest(place);
          return yield this.#toEnd(isComplete);
        }
        await this.#untilLater();
      }
      yield { end: 'CUT_OFF' };
    } finally {
      await Promise.all([place?.file.close(), next?.file.close()]);
    }
  }

  #untilLater(): Promise<void> {
    const { clock, signal } = this.#parts;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = clock.schedule(LOOK_MS, done);
    function done() {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
    return promise;
  }

  #toEnd(isComplete: boolean): LogItem {
    const isGone = !this.#hasRead && this.#parts.folder() === undefined;
    if (isComplete) return { end: isGone ? 'RUN_GONE' : 'JOB_ENDED' };
    return { end: 'LOG_READ' };
  }

  /** To the end of the file as it now is. */
  async *#readFile({ file, offset: from }: Place): AsyncGenerator<LogItem, Place> {
    this.#hasRead = true;
    let offset = from;
    for (;;) {
      const chunk = await file.read(offset);
      if (chunk.length === 0 || this.#parts.signal.aborted) return { file, offset };
      await file.times.refresh();
      let startsAt = offset;
      for (const piece of this.#splitter.push(chunk)) {
        const line = this.#toTimedLine(piece, file, offset, file.times.timeOf(startsAt));
        startsAt = offset + piece.endsAt;
        if (line !== undefined) yield line;
      }
      offset += chunk.length;
      this.#openedAtMs = file.times.timeOf(startsAt);
    }
  }

  /** A line without an end. */
  *#readRest({ file, offset }: Place): Generator<LogItem> {
    for (const piece of this.#splitter.end()) {
      const line = this.#toTimedLine(piece, file, offset, this.#openedAtMs);
      if (line !== undefined) yield line;
    }
  }

  #toTimedLine(
    piece: LinePiece,
    { id }: LogFile,
    offset: number,
    atMs: number | undefined,
  ): LogLine | undefined {
    if ((atMs ?? Number.POSITIVE_INFINITY) + MARK_MS <= (this.#query.sinceMs ?? 0))
      return undefined;
    const position = piece.isPartial ? undefined : `${id}.${offset + piece.endsAt}`;
    return this.#toLine(piece.text, position, atMs, piece.isPartial);
  }

  #toLine(
    text: string,
    position: string | undefined,
    atMs: number | undefined,
    isPartial = false,
  ): LogLine {
    const time = atMs === undefined ? undefined : new Date(atMs).toISOString();
    return { node: 0, attempt: 1, time, text, isPartial, position };
  }

  /** Where the wanted part begins; undefined while there is no log. */
  async #findStart(): Promise<Place | undefined> {
    const folder = this.#parts.folder();
    const files = folder === undefined ? [] : await openLogFiles(folder);
    let place: Place | undefined;
    try {
      place = await this.#choose(files);
      return place;
    } finally {
      await Promise.all(files.filter((file) => file !== place?.file).map((file) => file.close()));
    }
  }

  async #choose(files: readonly LogFile[]): Promise<Place | undefined> {
    const [oldest] = files;
    if (oldest === undefined) return undefined;
    const [id, offset] = (this.#query.after.get(0) ?? '').split('.').map(Number);
    const known = files.find((file) => file.id === id);
    // A file system gives the number of a deleted file to the next one, of a later job of that id.
    if (known !== undefined && (offset ?? 0) <= (await known.size())) {
      return { file: known, offset: offset ?? 0 };
    }
    let left = this.#query.tail;
    if (left === undefined) return { file: oldest, offset: 0 };
    for (const file of files.toReversed()) {
      if (left === 0) return { file, offset: await file.size() };
      const { offset: at, lines } = await file.findTail(left);
      if (lines >= left || file === oldest) return { file, offset: at };
      left -= lines;
    }
    return undefined;
  }

  /** The file after the one that was read; undefined while it is the newest. */
  async #findNext(file: LogFile): Promise<NextFile | undefined> {
    const folder = this.#parts.folder();
    const files = folder === undefined ? [] : await openLogFiles(folder);
    const at = files.findIndex(({ id }) => id === file.id);
    const next = files[at + 1];
    await Promise.all(files.filter((other) => other !== next).map((other) => other.close()));
    return next && { file: next, isGap: at < 0 };
  }
}
