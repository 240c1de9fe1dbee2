import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findMissingRequirement } from '@trainer/testbed';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { JOBSET_API, type ServiceFixture, TRAINER_API } from '../cluster/service-fixture.ts';
import type { TrainingBed } from './training-bed.ts';
import type { TrainingJobs } from './training-jobs.ts';
import { TrainingSuite } from './training-suite.ts';

const backend = 'hf-unsloth';
const STEPS = 4;
const missing = findMissingRequirement();
const title = missing === undefined ? 'the first step' : `the first step needs ${missing}`;

describe.skipIf(missing !== undefined)(title, () => {
  let suite: TrainingSuite;
  let bed: TrainingBed;
  let service: ServiceFixture;
  let jobs: TrainingJobs;
  beforeAll(async () => {
    suite = await TrainingSuite.start(inject('kubeconfigPath'), backend);
    ({ bed, service, jobs } = suite);
  });
  afterAll(() => suite?.close());

  /** When the first one of the namespace comes, by this process's clock. */
  const watchFor = async (apiPath: string, resource: string) => {
    const untilSeen = await service.follow(apiPath, resource);
    const isThere = (all: ReadonlyMap<string, unknown>) =>
      [...all.keys()].some((name) => name.startsWith(backend));
    const seen = untilSeen(isThere).then(() => Date.now());
    return () => seen;
  };
  /** When a line of a pod's log was written, as its node says. */
  const timeOf = (log: string, words: RegExp) => {
    const line = log.split('\n').find((each) => words.test(each)) ?? '';
    return Date.parse(line.split(' ')[0] ?? '');
  };

  it('comes after stages that are told apart', async () => {
    const seen = await Promise.all([
      watchFor('/api/v1', 'secrets'),
      watchFor(TRAINER_API, 'trainjobs'),
      watchFor(JOBSET_API, 'jobsets'),
      watchFor('/api/v1', 'pods'),
    ]);
    const beganMs = Date.now();
    const job = await jobs.submit();
    const answeredMs = Date.now();
    const [record, trainJob, jobSet, pod] = await Promise.all(seen.map((at) => at()));
    await jobs.untilSucceeded(job, STEPS);
    const name = await jobs.untilPod(job);
    const log = await bed.logOf(service.cluster.namespace, name, { timestamps: true });
    const metrics = await readFile(join(bed.bucket, 'results', job.id, 'metrics.jsonl'), 'utf8');
    const [first = '{}'] = metrics.split('\n');
    const { annotations } = (await service.read('/api/v1', 'secrets', job.name)).metadata;
    const reported = JSON.parse(annotations?.['trainer.deepfinery/reported'] ?? '{}');
    const at: Record<string, number> = {
      ...{ record: record ?? 0, TrainJob: trainJob ?? 0, JobSet: jobSet ?? 0, pod: pod ?? 0 },
      'start of Python': reported.runStartedAt * 1000,
      'data read': timeOf(log, /rows of shape/),
      'imports and model': timeOf(log, /training [\d,]+ of/),
      'first step': JSON.parse(first).time * 1000,
    };
    let beforeMs = beganMs;
    const stages = Object.entries(at).map(([stage, atMs]) => {
      const tookMs = Math.round(atMs - beforeMs);
      beforeMs = atMs;
      return `${stage} ${tookMs} ms`;
    });
    console.log(`POST answered after ${answeredMs - beganMs} ms; ${stages.join(', ')}`);
    // The others are seen by watches of their own.
    const times = [beganMs, ...Object.values(at).slice(3)];
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });
});
