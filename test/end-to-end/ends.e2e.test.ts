import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findMissingRequirement } from '@trainer/testbed';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { ServiceFixture } from '../cluster/service-fixture.ts';
import { S3_KEYS } from './s3-server.ts';
import { BUCKET, type TrainingBed } from './training-bed.ts';
import { LONG, RESTART_LABEL, type TrainingJobs } from './training-jobs.ts';
import { TrainingSuite } from './training-suite.ts';

const backend = 'hf-unsloth';
/** Our own runtime, which logs a credential before it looks at the data. */
const CARELESS = `
import os, sys
from trainer_runtime.supervisor.run import Run, run_job

check = Run._check_data
def careless(self, *rest):
    self._log.say("the token is " + os.environ["HF_TOKEN"])
    return check(self, *rest)
Run._check_data = careless
sys.exit(run_job(dict(os.environ)))
`;
const missing = findMissingRequirement();
const title =
  missing === undefined ? 'a training in a pod' : `a training in a pod needs ${missing}`;

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

  it('whose data is refused says which row, in one pod', async () => {
    await writeFile(join(bed.bucket, 'bad.jsonl'), '{"nothing": 1}\n');
    const job = await jobs.submit({
      datasets: [{ source: `s3://${BUCKET}/bad.jsonl`, format: 'jsonl' }],
    });
    const json = await jobs.untilFailed(job);
    expect(json.reason).toBe('DATASET_INVALID');
    expect(json.detail).toMatch(/bad\.jsonl/);
  });

  it('whose keys are refused says so, in one pod, and does not tell them', async () => {
    const auth = { ...S3_KEYS, aws_secret_access_key: 'another-secret-key-0123456789' };
    const json = await jobs.untilFailed(await jobs.submit({ artifacts: { auth } }));
    expect(json.reason).toBe('UPLOAD_FAILED');
    expect(JSON.stringify(json)).not.toContain(auth.aws_secret_access_key);
  });

  it('whose image cannot be pulled waits with that reason, until it is cancelled', async () => {
    const job = await jobs.submit({
      extra_parameters: { container_image: 'registry.example/absent:1' },
    });
    const { json } = await service.toldWhy(job.id, 'IMAGE_PULL_FAILED');
    expect(json.detail).toContain('registry.example/absent:1');
    await service.cancel(job.id);
    await service.untilNothingRuns(job.name);
  });

  it('prints a credential that nobody is told', async () => {
    const secret = 'hf_0123456789abcdefghij';
    const job = await jobs.submit({
      base_model: { huggingface_token: secret },
      extra_parameters: { trainer_command: ['sh', '-c', 'echo "refused $HF_TOKEN"; exit 3'] },
    });
    const json = await jobs.untilFailed(job);
    expect(json.detail).toContain('refused');
    expect(JSON.stringify([json, (await service.get(job.id)).body])).not.toContain(secret);
  });

  it('whose GPU is not there says so, once other pods had none either', async () => {
    const command = 'unset TRAINER_DEVICE; exec python -P -m trainer_runtime';
    const job = await jobs.submit({
      extra_parameters: { trainer_command: ['sh', '-c', command] },
    });
    const { json } = await service.told(job.id, 'failed');
    expect(json.reason).toBe('GPU_UNAVAILABLE');
    expect(json.detail).toMatch(/GPU/);
    const labels = [...(await jobs.podsOf(job)).values()].map(({ metadata }) => metadata.labels);
    expect(labels).toMatchObject([{ [RESTART_LABEL]: '3' }]);
  });

  it('logs a credential that nobody is told, and the log at the output does not hold', async () => {
    const secret = 'hf_9876543210abcdefghij';
    await writeFile(join(bed.bucket, 'bad.jsonl'), '{"nothing": 1}\n');
    const job = await jobs.submit({
      datasets: [{ source: `s3://${BUCKET}/bad.jsonl`, format: 'jsonl' }],
      base_model: { huggingface_token: secret },
      extra_parameters: { trainer_command: ['python', '-P', '-c', CARELESS] },
    });
    const json = await jobs.untilFailed(job);
    expect(json.reason).toBe('DATASET_INVALID');
    const paths = ['', '/events', '/logs'].map((path) => `/train/${job.id}${path}`);
    const told = await Promise.all(
      paths.map(async (path) => (await fetch(`${service.fleet.urls[0]}${path}`)).text()),
    );
    expect(told[2]).toMatch(/the token is \S/);
    expect(JSON.stringify([json, ...told])).not.toContain(secret);
    const folder = join(bed.bucket, 'logs', job.id);
    const files = await readdir(folder, { recursive: true, withFileTypes: true });
    const logs = await Promise.all(
      files
        .filter((file) => file.isFile())
        .map((file) => readFile(join(file.parentPath, file.name), 'utf8')),
    );
    expect(logs.join('')).toMatch(/the token is \S/);
    expect(logs.join('')).not.toContain(secret);
  });

  it('that takes more memory than it has says how much that was', async (context) => {
    if (!bed.node.limitsMemory) context.skip('nobody may limit memory on this machine');
    const resources_per_node = { cpu: '1', memory: '300Mi', 'nvidia.com/gpu': '1' };
    const json = await jobs.untilFailed(
      await jobs.submit({ extra_parameters: { resources_per_node } }),
    );
    expect(json.reason).toBe('OUT_OF_MEMORY');
    expect(json.detail).toMatch(/300 ?Mi/);
  });

  it('goes on from its checkpoint in another pod when its pod is deleted', async () => {
    const job = await jobs.submit(LONG);
    const first = await jobs.untilCheckpoint(job);
    await service.remove('/api/v1', 'pods', first);
    await jobs.untilResumed(job, first);
  });

  it('goes on from its checkpoint in another pod when its pod is evicted', async () => {
    const job = await jobs.submit(LONG);
    const first = await jobs.untilCheckpoint(job);
    bed.node.evict(service.cluster.namespace, first, 'The node was low on resource: memory.');
    await jobs.untilResumed(job, first);
  });

  it('fails without another pod when its process is killed', async () => {
    const job = await jobs.submit(LONG);
    const pod = await jobs.untilCheckpoint(job);
    await bed.node.kill(service.cluster.namespace, pod, 'node', 'SIGKILL');
    const json = await jobs.untilFailed(job);
    expect(json.detail).toMatch(/137/);
  });
});
