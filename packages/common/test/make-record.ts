import { randomUUID } from 'node:crypto';
import {
  type JobRecord,
  type JsonObject,
  NO_DELIVERY,
  type PlannedJob,
  toAcceptedState,
} from '../src/jobs/job.ts';
import { toJobName } from '../src/jobs/job-name.ts';

/** A record as a store returns it after `create`. */
export function makeRecord(overrides: Partial<JobRecord> = {}): JobRecord {
  const { backend = 'nemo', id = randomUUID(), createdAtMs = Date.UTC(2026, 0, 1) } = overrides;
  return {
    id,
    backend,
    name: toJobName(backend, id),
    uid: randomUUID(),
    version: '1',
    fingerprint: 'fingerprint',
    fingerprint2: 'fingerprint-2',
    createdAtMs,
    warnings: [],
    hasWebhook: false,
    webhookOrigin: undefined,
    runId: undefined,
    planRevision: 0,
    state: toAcceptedState(createdAtMs),
    delivery: { ...NO_DELIVERY, settled: 'unwanted' },
    areCredentialsGone: true,
    webhookAuth: 'none',
    ...overrides,
  };
}

/** A plan and its echo, as a runner of tests makes them. */
export function makePlannedJob(plan: JsonObject = {}): PlannedJob {
  return { asked: { first: {}, second: {} }, plan, echo: { image: 'test' } };
}
