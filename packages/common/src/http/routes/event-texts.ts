import type { Clock } from '../../clock.ts';
import type { Change } from '../../controller/change-log.ts';
import type { JobFeed } from '../../controller/job-feed.ts';
import type { Jobs } from '../../controller/jobs.ts';
import { toEventText } from '../plugins/event-stream.ts';
import { toHistoryEvent } from './history-response.ts';

/** The events of changes as the wire has them, made once for all who follow them. */
export class EventTexts {
  readonly #jobs: Pick<Jobs, 'getRecord'>;
  readonly #feed: Pick<JobFeed, 'readEvents'>;
  readonly #clock: Clock;
  readonly #texts = new WeakMap<Change, Promise<readonly string[]>>();

  constructor(jobs: Pick<Jobs, 'getRecord'>, feed: Pick<JobFeed, 'readEvents'>, clock: Clock) {
    this.#clock = clock;
    this.#jobs = jobs;
    this.#feed = feed;
  }

  /**
   * Oldest first; none of a job whose record went meanwhile.
   * @throws TrainerError CLUSTER_UNAVAILABLE
   */
  of(change: Change): Promise<readonly string[]> {
    const known = this.#texts.get(change);
    if (known !== undefined) return known;
    const texts = this.#make(change);
    this.#texts.set(change, texts);
    texts.catch(() => this.#texts.delete(change));
    return texts;
  }

  async #make(change: Change): Promise<readonly string[]> {
    const { name, uid, jobId, isGone, from, to } = change;
    if (isGone) return [toGoneText(jobId, this.#clock.now())];
    const record = this.#jobs.getRecord(name);
    if (record?.uid !== uid) return [];
    const events = await this.#feed.readEvents(record, from);
    return events
      .filter(({ id }) => id <= to)
      .map((event) => toEventText({ event: event.type, data: toHistoryEvent(record, event) }));
  }
}

/** It passes: nothing is left that could keep it. */
function toGoneText(jobId: string, nowMs: number): string {
  const data = {
    type: 'job.gone',
    job_id: jobId,
    time: new Date(nowMs).toISOString(),
    attempt: null,
    level: 'info',
    message: 'The record of the job is gone',
    data: {},
    actor: { type: 'system' },
  };
  return toEventText({ event: data.type, data });
}
