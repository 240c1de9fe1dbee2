import type { Job } from '@trainer/client';
import { type TrainerService, toJobPath } from '../api/trainer-service.ts';
import { useReading } from '../use-reading.ts';
import { isEnded } from './is-ended.ts';

const LIVE_MS = 2000;
const ENDED_MS = 30_000;

/** A job as its service last told, again and again. */
export function useJob(service: TrainerService, jobId: string) {
  return useReading<Job>(`${service.name} ${jobId}`, {
    read: (signal) => service.ask<Job>(toJobPath(jobId), { signal }),
    paceMs: (job) => (isEnded(job) ? ENDED_MS : LIVE_MS),
  });
}
