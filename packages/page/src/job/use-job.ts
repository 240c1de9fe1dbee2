import type { Job } from '@trainer/client';
import { useEffect, useState } from 'preact/hooks';
import type { EventFeeds } from '../api/event-feeds.ts';
import { type TrainerService, toJobPath } from '../api/trainer-service.ts';
import { useReading } from '../use-reading.ts';
import { isEnded } from './is-ended.ts';

/** Without a stream. */
const POLL_MS = 2000;
/** With one, for what is no event: a detail that changes alone, such as the place in a queue. */
const LIVE_MS = 15_000;
/** Little happens to one that has ended; but without a stream, a reading alone tells that its service is gone. */
const ENDED_POLL_MS = 5000;
const ENDED_LIVE_MS = 30_000;

interface Told {
  readonly progress: Job['progress'];
  readonly atMs: number;
}

/** A job as its service last told: read again when something has happened to it. */
export function useJob(service: TrainerService, jobId: string, feeds: EventFeeds) {
  const { refresh, ...reading } = useReading<Job>(`${service.name} ${jobId}`, {
    read: (signal) => service.ask<Job>(toJobPath(jobId), { signal }),
    paceMs: (job) => {
      if (feeds.isOpen) return isEnded(job) ? ENDED_LIVE_MS : LIVE_MS;
      return isEnded(job) ? ENDED_POLL_MS : POLL_MS;
    },
  });
  const [told, setTold] = useState<Told>();
  useEffect(() => {
    return feeds.watch({
      onEvents: (_, events) => {
        const progress = events.findLast(({ type }) => type === 'job.progress')?.data;
        if (progress !== undefined) {
          setTold({ progress: progress as Job['progress'], atMs: Date.now() });
        }
        if (events.some(({ id, type }) => id !== undefined || type === 'job.gone')) void refresh();
      },
      onGap: () => void refresh(),
      onOpenChange: () => {
        if (!feeds.isOpen && !document.hidden) void refresh();
      },
    });
  }, [feeds]);
  const { error, readAtMs = 0 } = reading;
  useEffect(() => {
    // A token was given, or a service is back.
    feeds.retry();
  }, [error === undefined]);
  const value =
    reading.value && told && told.atMs > readAtMs
      ? { ...reading.value, progress: told.progress }
      : reading.value;
  return { ...reading, value, refresh };
}
