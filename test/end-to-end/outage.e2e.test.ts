import { findMissingRequirement, startTestbed, type Testbed, until } from '@trainer/testbed';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ServiceFixture } from '../cluster/service-fixture.ts';
import { TrainingBed } from './training-bed.ts';
import { type Job, TrainingJobs } from './training-jobs.ts';

const backend = 'hf-unsloth';
/** For how long the API server is away; five minutes take TRAINER_OUTAGE_SECONDS=300. */
const AWAY_MS = Number(process.env.TRAINER_OUTAGE_SECONDS ?? 45) * 1000;
/** Steps of the training that ends meanwhile, and of one that may go on. */
const SHORT = 120;
const LONGER = Math.max(200, AWAY_MS / 400);
const missing = findMissingRequirement();
const title =
  missing === undefined ? 'while trainings run' : `an outage while trainings run needs ${missing}`;

describe.skipIf(missing !== undefined)(title, () => {
  let testbed: Testbed;
  let bed: TrainingBed;
  let service: ServiceFixture;
  let jobs: TrainingJobs;
  // A test bed of its own, since it takes the API server away.
  beforeAll(async () => {
    testbed = await startTestbed({ log: console.log });
    bed = await TrainingBed.start(testbed.kubeconfigPath, [backend]);
    service = await bed.startService(testbed.kubeconfigPath, backend);
    jobs = new TrainingJobs(bed, service);
  });
  afterAll(async () => {
    await service?.close();
    await bed?.close();
    await testbed?.close();
  });

  /** The statuses that its webhook was told, one for each time. */
  const toldOf = ({ id }: Job) =>
    service.receiver.requests
      .filter(({ json }) => json.job_id === id)
      .map(({ json }) => json.status as string);
  const statusOf = async ({ id }: Job) => (await service.get(id)).body.status;

  it(
    'the API server goes away and the service is started anew, and nothing is lost',
    async () => {
      const short = await jobs.submit({ tuning_parameters: { max_steps: SHORT } });
      const long = await jobs.submit({ tuning_parameters: { max_steps: LONGER } });
      await Promise.all([jobs.untilCheckpoint(short), jobs.untilCheckpoint(long)]);

      const server = testbed.component('kube-apiserver');
      await server.stop({ signal: 'SIGKILL' });
      const awayUntilMs = Date.now() + AWAY_MS;
      expect([await statusOf(short), await statusOf(long)]).toEqual(['running', 'running']);
      await service.fleet.kill();
      await until('half of it is over', async () => Date.now() > awayUntilMs - AWAY_MS / 2, {
        timeoutMs: AWAY_MS,
      });
      const started = service.fleet.fill();
      await until('all of it is over', async () => Date.now() > awayUntilMs, {
        timeoutMs: AWAY_MS,
      });
      expect(toldOf(short)).not.toContain('succeeded');
      await server.start();
      await started;

      await jobs.untilSucceeded(short, SHORT);
      await jobs.untilSucceeded(long, LONGER);
      for (const job of [short, long]) {
        const told = toldOf(job);
        expect(told.filter((status) => status !== 'running' && status !== 'submitted')).toEqual([
          'succeeded',
        ]);
        expect(told.at(-1)).toBe('succeeded');
        // Nothing was started twice for it.
        expect((await jobs.podsOf(job)).size).toBe(1);
      }
    },
    300_000 + AWAY_MS,
  );
});
