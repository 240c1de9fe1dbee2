import type { Clock } from '../../clock.ts';
import type { Change, ChangeLog } from '../../controller/change-log.ts';
import type { Jobs } from '../../controller/jobs.ts';
import type { JobStatus } from '../../requests/job-status.ts';
import { type EventStream, toEventText } from '../plugins/event-stream.ts';
import type { EventTexts } from './event-texts.ts';
import { toJobRow } from './job-row.ts';
import type { PassingSampler } from './passing-sampler.ts';

export interface StreamJobsParts {
  readonly jobs: Pick<Jobs, 'views' | 'rerunsOf'>;
  readonly changes: ChangeLog;
  readonly texts: EventTexts;
  readonly sampler: PassingSampler;
  readonly clock: Clock;
}

/** Which jobs are followed; all by default. */
export interface Followed {
  readonly jobIds: ReadonlySet<string> | undefined;
  readonly statuses: ReadonlySet<JobStatus> | undefined;
}

const ROWS = 100;
/** So many changes ahead are being read. */
const PREPARED = 8;
/** The place to go on from is told now and then: where nothing else is, and on the way through much. */
const CURSOR_MS = 10_000;

/** Tells a stream what happens to many jobs, after the place of that cursor or from now on. */
export async function streamJobs(
  parts: StreamJobsParts,
  followed: Followed,
  { stream, cursor }: { readonly stream: EventStream; readonly cursor: string | undefined },
): Promise<void> {
  const unwatch = parts.changes.watch(() => stream.wake());
  try {
    await new JobsStream(parts, followed, stream).run(cursor);
  } finally {
    unwatch();
  }
}

class JobsStream {
  readonly #parts: StreamJobsParts;
  readonly #followed: Followed;
  readonly #stream: EventStream;
  /** The change that is told next. */
  #index = 0;
  #round = 0;
  #cursorAtMs = 0;

  constructor(parts: StreamJobsParts, followed: Followed, stream: EventStream) {
    this.#parts = parts;
    this.#followed = followed;
    this.#stream = stream;
  }

  async run(cursor: string | undefined): Promise<void> {
    const { changes, clock } = this.#parts;
    this.#cursorAtMs = clock.monotonic();
    const missed = cursor === undefined ? [] : changes.after(cursor);
    const { next } = changes;
    if (missed === undefined) await this.#reset();
    else await this.#tellMissed(missed);
    this.#index = next;
    this.#writeCursor();
    while (!this.#stream.isClosed) {
      await this.#stream.ready();
      await this.#tellNews();
      this.#tellPassing();
    }
  }

  async #tellMissed(missed: readonly Change[]): Promise<void> {
    for (const [index, change] of missed.entries()) {
      if (this.#stream.isClosed) return;
      this.#prepare((ahead) => missed[index + ahead]);
      this.#index = change.index;
      this.#writeCursorInTime();
      await this.#tell(change);
    }
  }

  async #tellNews(): Promise<void> {
    const { changes } = this.#parts;
    let hasTold = false;
    for (;;) {
      const change = changes.at(this.#index);
      if (change === undefined || this.#stream.isClosed) break;
      if (change === 'lost') {
        this.#index = changes.next;
        await this.#reset();
        hasTold = true;
        continue;
      }
      this.#prepare((ahead) => changes.at(this.#index + ahead));
      this.#writeCursorInTime();
      hasTold = (await this.#tell(change)) || hasTold;
      this.#index += 1;
    }
    if (hasTold) this.#writeCursor();
    else this.#writeCursorInTime();
  }

  #isFollowed({ jobId, statuses: had }: Change): boolean {
    const { jobIds, statuses } = this.#followed;
    if (jobIds?.has(jobId) === false) return false;
    return statuses === undefined || had.some((each) => statuses.has(each));
  }

  /** Has read what will be told soon, so that reads do not wait for each other. */
  #prepare(next: (ahead: number) => Change | 'lost' | undefined): void {
    for (let ahead = 1; ahead <= PREPARED; ahead += 1) {
      const change = next(ahead);
      if (change === undefined || change === 'lost') return;
      // Whoever tells it is told of a failure.
      if (this.#isFollowed(change)) this.#parts.texts.of(change).catch(() => {});
    }
  }

  /** Whether it is one of a job that is followed. */
  async #tell(change: Change): Promise<boolean> {
    if (!this.#isFollowed(change)) return false;
    const texts = await this.#parts.texts.of(change);
    await this.#stream.room();
    for (const text of texts) this.#stream.write(text);
    return texts.length > 0;
  }

  /**
   * Tells how all jobs are that are followed; what happens meanwhile follows. No place before its end
   * is one to go on from: who is cut there has not heard of the other jobs.
   */
  async #reset(): Promise<void> {
    const { jobIds, statuses } = this.#followed;
    this.#stream.write(toEventText({ event: 'stream.reset', data: {} }));
    let rows: ReturnType<typeof toJobRow>[] = [];
    const flush = async () => {
      await this.#stream.room();
      this.#stream.write(toEventText({ event: 'stream.jobs', data: { data: rows } }));
      rows = [];
    };
    for (const view of this.#parts.jobs.views()) {
      if (this.#stream.isClosed) return;
      if (jobIds?.has(view.record.id) === false) continue;
      if (statuses?.has(view.state.status) === false) continue;
      rows.push(toJobRow(view, this.#parts.jobs));
      if (rows.length === ROWS) await flush();
    }
    if (rows.length > 0) await flush();
  }

  #tellPassing(): void {
    if (this.#stream.isBlocked) return;
    const { jobIds, statuses } = this.#followed;
    if (statuses?.has('running') === false) return;
    const { round, samples } = this.#parts.sampler.changesSince(this.#round);
    this.#round = round;
    for (const { jobId, text } of samples) {
      if (jobIds?.has(jobId) !== false) this.#stream.write(text);
    }
  }

  #writeCursorInTime(): void {
    const { clock } = this.#parts;
    if (clock.monotonic() - this.#cursorAtMs >= CURSOR_MS) this.#writeCursor();
  }

  /** An id without an event is where a reader goes on that is cut after it. */
  #writeCursor(): void {
    this.#cursorAtMs = this.#parts.clock.monotonic();
    const cursor = this.#parts.changes.cursorAt(this.#index);
    if (cursor !== undefined) this.#stream.write(`id: ${cursor}\n\n`);
  }
}
