import type { Job, Metrics } from '@trainer/client';
import { useEffect, useRef } from 'preact/hooks';
import type { EventFeeds } from '../api/event-feeds.ts';
import { type TrainerService, toJobPath } from '../api/trainer-service.ts';
import { useReading } from '../use-reading.ts';
import { isEnded } from './is-ended.ts';

/** Without a stream, and at most so often with one. */
const LIVE_MS = 5000;
/** Where events tell of each measurement, or no more are made. */
const TOLD_MS = 30_000;
/** More than a plot of this size shows. */
const POINTS = 200;

/** What a job has measured so far, read again when it has measured more; undefined where its service does not tell. */
export function useMetrics(
  service: TrainerService,
  job: Job,
  feeds: EventFeeds,
): Metrics | undefined {
  const hasEnded = useRef(false);
  hasEnded.current = isEnded(job);
  const path = toJobPath(job.job_id, `/metrics?max_points=${POINTS}`);
  const { value, refresh } = useReading<Metrics>(`${service.name} ${path}`, {
    read: (signal) => service.ask<Metrics>(path, { signal }),
    paceMs: () => (hasEnded.current || feeds.isOpen ? TOLD_MS : LIVE_MS),
  });
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let readAtMs = 0;
    const unwatch = feeds.watch({
      onEvents: (_, events) => {
        if (!events.some(({ type }) => type === 'job.metrics')) return;
        timer ??= setTimeout(
          () => {
            timer = undefined;
            readAtMs = Date.now();
            void refresh();
          },
          Math.max(0, readAtMs + LIVE_MS - Date.now()),
        );
      },
    });
    return () => {
      unwatch();
      clearTimeout(timer);
    };
  }, [feeds]);
  // The last ones come with the end.
  useEffect(() => {
    if (hasEnded.current) void refresh();
  }, [job.status]);
  return value;
}
