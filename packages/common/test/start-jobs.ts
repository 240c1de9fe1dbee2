import { type Logger, pino } from 'pino';
import { parseConfig } from '../src/config.ts';
import { JobChanges } from '../src/controller/job-changes.ts';
import { Jobs } from '../src/controller/jobs.ts';
import type { JobRecord } from '../src/jobs/job.ts';
import { MemoryJobStore } from '../src/jobs/memory-job-store.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeRunner } from './fake-runner.ts';
import { makeRequest, TestBackend } from './start-test-service.ts';

export type StartedJobs = ReturnType<typeof startJobs>;

/** The jobs of a backend that demands nothing, in memory, and a runner in which the test decides. */
export function startJobs({
  maxJobs = 3,
  logger = pino({ level: 'silent' }),
}: {
  readonly maxJobs?: number;
  readonly logger?: Logger;
} = {}) {
  const backend = new TestBackend();
  const config = parseConfig(backend.defaults, {});
  const clock = new FakeClock();
  const store = new MemoryJobStore();
  const runner = new FakeRunner();
  const jobs = new Jobs({
    changes: new JobChanges(store),
    ...{ store, runner, clock, maxJobs, logger },
    backend: backend.name,
    graceMs: config.graceMs,
  });
  return {
    ...{ clock, store, runner, jobs },
    submit: (changes: Record<string, unknown> = {}) =>
      jobs.submit(backend.prepare(makeRequest(changes), config)),
    /** The record of the only job. */
    only: () => [...store.list()][0] as JobRecord,
  };
}
