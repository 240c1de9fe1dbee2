import { findMissingRequirement, type Queue, until } from '@trainer/testbed';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { ServiceFixture } from '../cluster/service-fixture.ts';
import type { TrainingBed } from './training-bed.ts';
import type { TrainingJobs } from './training-jobs.ts';
import { TrainingSuite } from './training-suite.ts';

const backend = 'hf-unsloth';
const QUEUE = 'training';
const STEPS = 150;
const missing = findMissingRequirement();
const title =
  missing === undefined ? 'a training in a queue' : `a training in a queue needs ${missing}`;

describe.skipIf(missing !== undefined)(title, () => {
  let suite: TrainingSuite;
  let bed: TrainingBed;
  let service: ServiceFixture;
  let jobs: TrainingJobs;
  let queue: Queue;
  beforeAll(async () => {
    suite = await TrainingSuite.start(inject('kubeconfigPath'), backend);
    ({ bed, service, jobs } = suite);
    queue = bed.queueOf(service.cluster.namespace);
  });
  afterAll(() => suite?.close());

  it('waits, is stopped half way, and goes on as another attempt', async () => {
    await queue.open(QUEUE, false);
    const job = await jobs.submit({
      extra_parameters: { queue_name: QUEUE },
      tuning_parameters: { max_steps: STEPS },
    });
    await service.toldWhy(job.id, 'QUEUED');
    expect(await jobs.podsOf(job)).toEqual(new Map());
    await queue.open(QUEUE, true);
    await service.toldWhy(job.id, 'RUNNING');

    const first = await jobs.untilCheckpoint(job);
    const firstRun = { attempt: 1, started_at: Date.now() / 1000 };
    await queue.hold(job.name);
    const { json } = await service.toldWhy(job.id, 'PREEMPTED');
    expect(json).toMatchObject({ status: 'running', detail: expect.stringContaining(QUEUE) });
    const untilPods = await jobs.follow(job);
    await untilPods((pods) => pods.size === 0);
    const waiting = (await service.get(job.id)).body;
    expect(waiting).toMatchObject({ status: 'running', reason: 'PREEMPTED', phase: 'queued' });

    await queue.release(job.name);
    const second = await jobs.untilPod(job, [first]);
    await service.toldWhy(job.id, 'RUNNING');
    const metrics = async () => {
      const { body } = await service.get<{ attempt: number }>(`${job.id}/metrics`);
      return body.attempt;
    };
    await until('the second attempt reports', async () => (await metrics()) === 2, {
      timeoutMs: 120_000,
    });
    const refused = await bed.report(service, job, { ...firstRun, phase: 'saving' });
    expect([refused.status, await refused.json()]).toMatchObject([
      409,
      { code: 'REPORT_OUTDATED' },
    ]);

    await jobs.untilSucceeded(job, STEPS);
    expect(await jobs.logOf(second)).toMatch(/going on after step \d+/);
  });
});
