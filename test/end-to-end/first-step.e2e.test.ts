import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runPlainScript } from '@trainer/common/testing';
import { findMissingRequirement } from '@trainer/testbed';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { JOBSET_API, type ServiceFixture, TRAINER_API } from '../cluster/service-fixture.ts';
import type { TrainingBed } from './training-bed.ts';
import type { TrainingJobs } from './training-jobs.ts';
import { TrainingSuite } from './training-suite.ts';

const backend = 'hf-unsloth';
const STEPS = 4;
/** Pairs of a plain script and a job, of which medians are told. */
const RUNS = Number(process.env.TRAINER_FIRST_STEP_RUNS ?? 1);
const missing = findMissingRequirement();
const title = missing === undefined ? 'the first step' : `the first step needs ${missing}`;

/** When each stage was over, in their order; UNIX milliseconds. */
type Times = Readonly<Record<string, number>>;
/** Milliseconds. */
type Durations = Readonly<Record<string, number>>;

describe.skipIf(missing !== undefined)(title, () => {
  let suite: TrainingSuite;
  let bed: TrainingBed;
  let service: ServiceFixture;
  let jobs: TrainingJobs;
  let folder: string;
  beforeAll(async () => {
    suite = await TrainingSuite.start(inject('kubeconfigPath'), backend);
    ({ bed, service, jobs } = suite);
    folder = await mkdtemp(join(tmpdir(), 'plain-'));
  });
  afterAll(async () => {
    await suite?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** When the next one of the namespace comes, by this process's clock. */
  const watchFor = async (apiPath: string, resource: string) => {
    const untilSeen = await service.follow(apiPath, resource);
    const known = await untilSeen(() => true);
    const names = new Set(known.keys());
    const isThere = (all: ReadonlyMap<string, unknown>) =>
      [...all.keys()].some((name) => name.startsWith(backend) && !names.has(name));
    const seen = untilSeen(isThere).then(() => Date.now());
    return () => seen;
  };
  /** When a line of a pod's log was written, as its node says. */
  const timeOf = (log: string, words: RegExp) => {
    const line = log.split('\n').find((each) => words.test(each)) ?? '';
    return Date.parse(line.split(' ')[0] ?? '');
  };

  const runPlain = async (): Promise<Durations> => {
    const model = join(bed.bucket, 'model');
    const rows = join(bed.bucket, 'rows.jsonl');
    const training = { model, rows, steps: STEPS, learningRate: 0.01 };
    const at = await runPlainScript(bed.python, folder, training);
    return toDurations(at.began, {
      ...{ python: at.started, imports: at.imported, model: at.loaded, data: at.read },
      ...{ trainer: at.built, 'first step': at.firstStep },
    });
  };

  const runJob = async (): Promise<Durations> => {
    const seen = await Promise.all([
      watchFor('/api/v1', 'secrets'),
      watchFor(TRAINER_API, 'trainjobs'),
      watchFor(JOBSET_API, 'jobsets'),
      watchFor('/api/v1', 'pods'),
    ]);
    const beganMs = Date.now();
    const job = await jobs.submit({ customization: { rank: 16, lora_alpha: 32 } });
    const [record = 0, trainJob = 0, jobSet = 0, pod = 0] = await Promise.all(
      seen.map((at) => at()),
    );
    await jobs.untilSucceeded(job, STEPS);
    const name = await jobs.untilPod(job);
    const log = await bed.logOf(service.cluster.namespace, name, { timestamps: true });
    const metrics = await readFile(join(bed.bucket, 'results', job.id, 'metrics.jsonl'), 'utf8');
    const [first = '{}'] = metrics.split('\n');
    const { annotations } = (await service.read('/api/v1', 'secrets', job.name)).metadata;
    const reported = JSON.parse(annotations?.['trainer.deepfinery/reported'] ?? '{}');
    const inPod = {
      pod,
      python: reported.runStartedAt * 1000,
      data: timeOf(log, /rows of shape/),
      download: timeOf(log, /base model's files/),
      imports: timeOf(log, /is imported, with torch/),
      model: timeOf(log, /base model is loaded/),
      trainer: timeOf(log, /training [\d,]+ of/),
      'first step': JSON.parse(first).time * 1000,
    };
    // Of what came before, watches of their own tell, each in its time.
    const times = [beganMs, ...Object.values(inPod)];
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times.every(Number.isFinite)).toBe(true);
    return toDurations(beganMs, { record, TrainJob: trainJob, JobSet: jobSet, ...inPod });
  };

  it(
    'comes after stages that are told apart, and beside those of a plain script',
    async () => {
      const pairs: { plain: Durations; job: Durations }[] = [];
      for (let run = 0; run < RUNS; run += 1) {
        pairs.push({ plain: await runPlain(), job: await runJob() });
      }
      for (const { plain, job } of pairs) {
        // What a plain script takes as well, a job takes too.
        expect(Object.keys(job)).toEqual(expect.arrayContaining(Object.keys(plain)));
      }
      const rows = Object.keys(pairs[0]?.job ?? {}).map((stage) => {
        const ours = median(pairs.map(({ job }) => job[stage] ?? 0));
        const plain = median(pairs.map((pair) => pair.plain[stage] ?? 0));
        return `| ${stage} | ${ours} ms | ${plain} ms | ${ours - plain} ms |`;
      });
      console.log(['| | job | plain | beyond |', ...rows].join('\n'));
    },
    RUNS * 300_000,
  );
});

function toDurations(beganMs: number, at: Times): Durations {
  let beforeMs = beganMs;
  const stages = Object.entries(at).map(([stage, atMs]) => {
    const tookMs = Math.round(atMs - beforeMs);
    beforeMs = atMs;
    return [stage, tookMs] as const;
  });
  return { ...Object.fromEntries(stages), 'in all': Math.round(beforeMs - beganMs) };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
