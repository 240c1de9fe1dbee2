import { existsSync } from 'node:fs';
import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findMissingRequirement, until } from '@trainer/testbed';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { ServiceFixture } from '../cluster/service-fixture.ts';
import { type RequestChanges, S3_PREFIX, TrainingBed } from './training-bed.ts';
import { ENDLESS, type Job, TrainingJobs } from './training-jobs.ts';

const STEPS = 6;
const missing = findMissingRequirement();
const title = missing === undefined ? 'a training in pods' : `a training in pods needs ${missing}`;

describe.skipIf(missing !== undefined)(title, { concurrent: true }, () => {
  let bed: TrainingBed;
  let services: readonly ServiceFixture[] = [];
  let nemo: TrainingJobs;
  let meta: TrainingJobs;
  beforeAll(async () => {
    const kubeconfigPath = inject('kubeconfigPath');
    bed = await TrainingBed.start(kubeconfigPath, ['nemo', 'meta'], { hasInitializers: true });
    const [first, second] = await Promise.all([
      bed.startService(kubeconfigPath, 'nemo'),
      bed.startService(kubeconfigPath, 'meta', { TRAINER_STALLED_AFTER_SECONDS: '15' }),
    ]);
    services = [first, second];
    nemo = new TrainingJobs(bed, first, 'nemo');
    meta = new TrainingJobs(bed, second, 'meta');
  });
  afterAll(async () => {
    await Promise.all(services.map((service) => service.close()));
    await bed?.close();
  });

  const train = async (jobs: TrainingJobs, changes: RequestChanges) => {
    const tuning_parameters = { max_steps: STEPS, micro_batch_size: 4 };
    const job = await jobs.submit({ tuning_parameters, ...changes });
    await jobs.untilSucceeded(job, STEPS);
    return job;
  };
  const read = (job: Job, name: string) =>
    readFile(join(bed.bucket, 'results', job.id, name), 'utf8');
  const has = (job: Job, name: string) => existsSync(join(bed.bucket, 'results', job.id, name));
  /** By step. */
  const lossesOf = async (job: Job): Promise<number[]> =>
    (await read(job, 'metrics.jsonl'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).loss)
      .filter((loss) => loss !== undefined);

  it('by qlora leaves an adapter of a model in four bits', async () => {
    const job = await train(nemo, { customization: { method: 'qlora' } });
    expect(has(job, 'model/adapter_model.safetensors')).toBe(true);
    const run = JSON.parse(await read(job, 'run.json'));
    expect(run.plan).toMatchObject({ method: 'qlora', quantization: { bits: 4 } });
  });

  it('of what Kubeflow has fetched needs its sources no more', async () => {
    const [service] = services;
    if (service === undefined) throw new Error('there is no service');
    const runtime = await bed.offerInitializers('nemo', service.cluster.namespace);
    const place = join(bed.bucket, 'fetched');
    await cp(join(bed.bucket, 'model'), join(place, 'model'), { recursive: true });
    await cp(join(bed.bucket, 'rows.jsonl'), join(place, 'rows.jsonl'));
    const job = await nemo.submit({
      base_model: { weights_url: undefined },
      datasets: [{ source: `${S3_PREFIX}/fetched/rows.jsonl`, format: 'jsonl' }],
      extra_parameters: {
        runtime_ref: { name: runtime },
        model_uri: `${S3_PREFIX}/fetched/model/`,
      },
    });
    const untilPods = await nemo.follow(job);
    // The training starts once both have ended.
    await untilPods((pods) => [...pods.keys()].some((name) => name.includes('-node-')), 120_000);
    await rm(place, { recursive: true });
    await nemo.untilSucceeded(job, 4);
  });

  it('of all weights leaves a whole model', async () => {
    const job = await train(meta, {
      customization: { method: 'full' },
      resources: { gpus: 2, memory_gb: 128 },
    });
    expect(has(job, 'model/model.safetensors')).toBe(true);
    expect(has(job, 'model/adapter_model.safetensors')).toBe(false);
  });

  it('two of which train together has the losses of one with the same batch', async () => {
    // What is dropped is each process's own choice.
    const customization = { lora_dropout: 0 };
    const [one, two] = await Promise.all([
      train(nemo, { customization }),
      train(nemo, { customization, resources: { gpus: 2 }, extra_parameters: { num_nodes: 2 } }),
    ]);
    const pods = [...(await nemo.podsOf(two)).keys()];
    expect(pods).toHaveLength(2);
    const losses = await lossesOf(one);
    expect(losses).toHaveLength(STEPS);
    const others = await lossesOf(two);
    expect(others).toHaveLength(STEPS);
    // Sums of 32-bit numbers in another order: losses of 5 then differ by some 1e-6.
    const differences = losses.map((loss, step) => Math.abs(loss - (others[step] ?? 0)));
    expect(Math.max(...differences), `${losses} and ${others}`).toBeLessThan(1e-4);
    expect(JSON.parse(await read(two, 'run.json')).plan.batch).toMatchObject({ processes: 2 });
  });

  it('two of which train together stalls while one stands still, and goes on with it', async () => {
    const [, service] = services;
    if (service === undefined) throw new Error('there is no service');
    const job = await meta.submit({
      ...ENDLESS,
      resources: { gpus: 2 },
      extra_parameters: { num_nodes: 2 },
    });
    const untilPhase = (phase: string) =>
      until(
        `it is ${phase}`,
        async () => {
          const { body } = await service.get(job.id);
          expect(body.status, body.detail).toMatch(/submitted|running/);
          const hasStepped = Number(body.progress?.metrics.step ?? 0) > 0;
          return hasStepped && body.phase === phase;
        },
        { timeoutMs: 180_000 },
      );
    await untilPhase('training');
    const pods = [...(await meta.podsOf(job)).keys()].sort();
    expect(pods).toHaveLength(2);
    const [first = '', second = ''] = pods;
    const { namespace } = service.cluster;
    await bed.node.pause(namespace, second, 'node');
    await untilPhase('stalled');
    const { body } = await service.get(job.id);
    expect(body.phases.at(-1)).toMatchObject({ phase: 'stalled', owner: 'no step' });
    // Where the one that waits for the other is.
    await meta.untilSays(first, /most recent call first[\s\S]*trainer_runtime\/training/);
    await bed.node.unpause(namespace, second, 'node');
    await untilPhase('training');
    await service.cancel(job.id);
    await service.told(job.id, 'cancelled');
    await service.untilNothingRuns(job.name);
  });
});
