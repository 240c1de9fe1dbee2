import type { Clock } from '../../clock.ts';
import type { JobFeed } from '../../controller/job-feed.ts';
import type { Jobs } from '../../controller/jobs.ts';
import { TrainerError } from '../../errors.ts';
import type { JobView } from '../../jobs/observation.ts';
import { type EventStream, toEventText } from '../plugins/event-stream.ts';
import { toHistoryEvent } from './history-response.ts';
import { toPassingEvents } from './passing-events.ts';

export interface StreamJobParts {
  readonly jobs: Pick<Jobs, 'get'>;
  readonly feed: Pick<JobFeed, 'watch' | 'readEvents' | 'isOver'>;
  readonly clock: Clock;
}

/** Tells a stream what happens to a job after the event of that number, until nothing more can. */
export async function streamJob(
  { jobs, feed, clock }: StreamJobParts,
  { record: followed }: JobView,
  { stream, after }: { readonly stream: EventStream; readonly after: number },
): Promise<void> {
  const unwatch = feed.watch(followed.name, () => stream.wake());
  let told = after;
  const said = new Map<string, string>();
  try {
    for (;;) {
      await stream.ready();
      if (stream.isClosed) return;
      const view = await findView(jobs, followed.id);
      if (view?.record.uid !== followed.uid) {
        stream.write(toEventText({ event: 'stream.end', data: { reason: 'JOB_FORGOTTEN' } }));
        return;
      }
      for (const event of await feed.readEvents(view.record, told)) {
        const data = toHistoryEvent(view.record, event);
        stream.write(toEventText({ event: event.type, data, id: event.id }));
        told = event.id;
      }
      if (feed.isOver(view.record)) {
        stream.write(toEventText({ event: 'stream.end', data: { reason: 'JOB_ENDED' } }));
        return;
      }
      for (const event of toPassingEvents(view)) {
        if (said.get(event.type) === event.said) continue;
        said.set(event.type, event.said);
        stream.write(toEventText({ event: event.type, data: event.toData(clock.now()) }));
      }
    }
  } finally {
    unwatch();
  }
}

async function findView(jobs: Pick<Jobs, 'get'>, id: string): Promise<JobView | undefined> {
  try {
    return (await jobs.get(id)).view;
  } catch (error) {
    if (error instanceof TrainerError && error.code === 'JOB_NOT_FOUND') return undefined;
    throw error;
  }
}
