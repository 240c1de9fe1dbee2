import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findMissingRequirement, until } from '@trainer/testbed';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { ServiceFixture } from '../cluster/service-fixture.ts';
import { S3_PREFIX, type TrainingBed } from './training-bed.ts';
import { ENDLESS, type Job, LONG, type TrainingJobs } from './training-jobs.ts';
import { TrainingSuite } from './training-suite.ts';

const backend = 'hf-unsloth';
const missing = findMissingRequirement();
const title =
  missing === undefined ? 'steering a training in a pod' : `steering a training needs ${missing}`;

describe.skipIf(missing !== undefined)(title, { concurrent: true }, () => {
  let suite: TrainingSuite;
  let bed: TrainingBed;
  let service: ServiceFixture;
  let jobs: TrainingJobs;
  beforeAll(async () => {
    suite = await TrainingSuite.start(inject('kubeconfigPath'), backend);
    ({ bed, service, jobs } = suite);
  });
  afterAll(() => suite?.close());

  /** The newest checkpoint at the output, once the job's answer tells of it, with its status. */
  const untilTold = async ({ id }: Job, status: string) => {
    const folder = join(bed.bucket, 'results', id, 'checkpoints');
    const steps = (await readdir(folder))
      .filter((name) => existsSync(join(folder, name, 'COMPLETE.json')))
      .map((name) => Number(name.replace('checkpoint-', '')));
    const step = Math.max(...steps);
    const uri = `${S3_PREFIX}/results/${id}/checkpoints/checkpoint-${step}`;
    await until('its last checkpoint is told', async () => {
      const { body } = await service.get(id);
      expect(body.status).toBe(status);
      return body.checkpoints.some((told) => told.step === step && told.uri === uri);
    });
    return { step, uri };
  };
  /** Another job that goes on from the last checkpoint of one that has ended. */
  const resume = async (job: Job, status: string) => {
    const { step, uri } = await untilTold(job, status);
    const steps = step + 5;
    const next = await jobs.submit({
      extra_parameters: { resume_from: job.id },
      tuning_parameters: { max_steps: steps },
    });
    const pod = await jobs.untilPod(next);
    await jobs.untilSucceeded(next, steps);
    const log = await jobs.logOf(pod);
    expect(log).toContain(`resuming from ${uri}`);
    expect(log).toContain(`going on after step ${step}`);
  };

  it('cancelled with a checkpoint, it starts no second pod, and another job goes on from there', async () => {
    const job = await jobs.submit(ENDLESS);
    const untilPods = await jobs.follow(job);
    const pods = new Set<string>();
    const areGone = untilPods((now) => {
      for (const name of now.keys()) pods.add(name);
      return pods.size > 0 && now.size === 0;
    }, 180_000);
    const isTraining = async () => {
      const { body } = await service.get(job.id);
      return Number(body.progress?.metrics.step ?? 0) > 0;
    };
    await until('it trains', isTraining, { timeoutMs: 180_000 });
    const answer = await service.cancel(job.id, 0, { save: true });
    expect(answer.body).toMatchObject({ status: 'cancelled' });
    await service.told(job.id, 'cancelled');
    await areGone;
    await service.untilNothingRuns(job.name);
    expect(pods.size).toBe(1);

    await resume(job, 'cancelled');
  });

  it('whose keys end half way fails, and another job with new ones goes on from there', async () => {
    const auth = await bed.storage.beginSession('keys-that-end');
    const job = await jobs.submit({ artifacts: { auth }, tuning_parameters: { max_steps: 120 } });
    const { body } = await service.get(job.id);
    expect(body.metadata.warnings).toContainEqual(expect.stringMatching(/session keys without/));
    await jobs.untilCheckpoint(job);
    bed.storage.endSession(auth);
    const json = await jobs.untilFailed(job);
    expect(json.reason).toBe('UPLOAD_FAILED');
    expect(json.detail).toMatch(
      new RegExp(`keys for ${S3_PREFIX}/results/${job.id}\\S* have expired: submit it again with`),
    );
    const told = JSON.stringify([json, (await service.get(job.id)).body]);
    expect(told).not.toContain(auth.aws_secret_access_key);
    expect(told).not.toContain(auth.aws_session_token);
    await resume(job, 'failed');
  });

  it('goes on in another pod when its node is lost', async () => {
    const lost = await bed.startOtherNode();
    const resources = { gpu_type: 'other' };
    const job = await jobs.submit({ ...LONG, resources });
    const first = await jobs.untilCheckpoint(job);
    await lost.close();
    await bed.forgetNode(lost);
    // The control plane waits for a while before it takes a pod of no node away.
    const untilPods = await jobs.follow(job);
    await untilPods((pods) => !pods.has(first), 180_000);
    const found = await bed.startOtherNode();
    await jobs.untilResumed(job, first);
    await found.close();
  });
});
