import type { Job, Metrics } from '@trainer/client';
import { useRef } from 'preact/hooks';
import { type TrainerService, toJobPath } from '../api/trainer-service.ts';
import { useReading } from '../use-reading.ts';
import { isEnded } from './is-ended.ts';

const LIVE_MS = 5000;
const ENDED_MS = 30_000;
/** More than a plot of this size shows. */
const POINTS = 200;

/** What a job has measured so far, again and again; undefined where its service does not tell. */
export function useMetrics(service: TrainerService, job: Job): Metrics | undefined {
  const hasEnded = useRef(false);
  hasEnded.current = isEnded(job);
  const path = toJobPath(job.job_id, `/metrics?max_points=${POINTS}`);
  const { value } = useReading<Metrics>(`${service.name} ${path}`, {
    read: (signal) => service.ask<Metrics>(path, { signal }),
    paceMs: () => (hasEnded.current ? ENDED_MS : LIVE_MS),
  });
  return value;
}
