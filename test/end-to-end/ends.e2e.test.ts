import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findMissingRequirement, until } from '@trainer/testbed';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ServiceFixture } from '../cluster/service-fixture.ts';
import { S3_KEYS } from './s3-server.ts';
import { BUCKET, TrainingBed } from './training-bed.ts';

const backend = 'hf-unsloth';
const missing = findMissingRequirement();
const title =
  missing === undefined ? 'a training in a pod' : `a training in a pod needs ${missing}`;
const RESTART_LABEL = 'jobset.sigs.k8s.io/restart-attempt';
const STEPS = 100;
const LONG = { tuning_parameters: { max_steps: STEPS } };

describe.skipIf(missing !== undefined)(title, () => {
  let bed: TrainingBed;
  let service: ServiceFixture;
  beforeAll(async () => {
    const kubeconfigPath = inject('kubeconfigPath');
    bed = await TrainingBed.start(kubeconfigPath, [backend]);
    service = await ServiceFixture.start({
      kubeconfigPath,
      backend,
      env: bed.settingsFor(backend),
    });
  });
  afterAll(async () => {
    await service?.close();
    await bed?.close();
  });

  const follow = (name: string) =>
    service.follow('/api/v1', 'pods', `jobset.sigs.k8s.io/jobset-name=${name}`);
  const podsOf = async (name: string) => (await follow(name))(() => true);
  const submit = async (changes: Record<string, object>) => {
    const callbacks = { webhook_url: service.receiver.url };
    const body = { ...bed.request('huggingface', changes), callbacks };
    const { body: answer } = await service.submit(body);
    expect(answer).toMatchObject({ status: 'submitted' });
    return { id: body.job_id, name: answer.backend_job_id };
  };
  type Job = Awaited<ReturnType<typeof submit>>;

  /**
   * The pod of a training that has left a checkpoint at the output. Its log says so; the storage's
   * files are there before the storage would show them.
   */
  const untilCheckpoint = async ({ name }: Job) => {
    const hasPod = await follow(name);
    const [pod = ''] = (await hasPod((all) => all.size > 0)).keys();
    const isSaid = async () => {
      const log = await bed.logOf(service.cluster.namespace, pod).catch(() => '');
      return /checkpoint of step \d+ is complete/.test(log);
    };
    await until('there is a checkpoint', isSaid, { timeoutMs: 120_000 });
    return pod;
  };
  /** What a job that failed is told to be, and that nothing was started twice for it. */
  const untilFailed = async ({ id, name }: Job) => {
    const { json } = await service.told(id, 'failed');
    const [pod, ...more] = (await podsOf(name)).values();
    expect(more).toEqual([]);
    expect(pod?.metadata.labels?.[RESTART_LABEL]).toBe('0');
    return json;
  };
  /** That it has ended well in another pod than the first, by going on from a checkpoint. */
  const untilResumed = async ({ id, name }: Job, first: string) => {
    const until = await follow(name);
    const second = [...(await until((all) => all.size === 1 && !all.has(first))).keys()].join();
    const { json } = await service.told(id, 'succeeded');
    expect(json).toMatchObject({ reason: 'COMPLETED' });
    expect((await service.get(id)).body).toMatchObject({ result: { steps: STEPS } });
    expect(await bed.logOf(service.cluster.namespace, second)).toMatch(/going on after step \d+/);
  };

  it('whose data is refused says which row, in one pod', async () => {
    await writeFile(join(bed.bucket, 'bad.jsonl'), '{"nothing": 1}\n');
    const job = await submit({
      datasets: [{ source: `s3://${BUCKET}/bad.jsonl`, format: 'jsonl' }],
    });
    const json = await untilFailed(job);
    expect(json.reason).toBe('DATASET_INVALID');
    expect(json.detail).toMatch(/bad\.jsonl/);
  });

  it('whose keys are refused says so, in one pod, and does not tell them', async () => {
    const auth = { ...S3_KEYS, aws_secret_access_key: 'another-secret-key-0123456789' };
    const json = await untilFailed(await submit({ artifacts: { auth } }));
    expect(json.reason).toBe('UPLOAD_FAILED');
    expect(JSON.stringify(json)).not.toContain(auth.aws_secret_access_key);
  });

  it('whose image cannot be pulled waits with that reason, until it is cancelled', async () => {
    const job = await submit({
      extra_parameters: { container_image: 'registry.example/absent:1' },
    });
    const { json } = await service.toldWhy(job.id, 'IMAGE_PULL_FAILED');
    expect(json.detail).toContain('registry.example/absent:1');
    await service.cancel(job.id);
    await service.untilNothingRuns(job.name);
  });

  it('prints a credential that nobody is told', async () => {
    const secret = 'hf_0123456789abcdefghij';
    const job = await submit({
      base_model: { huggingface_token: secret },
      extra_parameters: { trainer_command: ['sh', '-c', 'echo "refused $HF_TOKEN"; exit 3'] },
    });
    const json = await untilFailed(job);
    expect(json.detail).toContain('refused');
    expect(JSON.stringify([json, (await service.get(job.id)).body])).not.toContain(secret);
  });

  it('that takes more memory than it has says how much that was', async (context) => {
    if (!bed.node.limitsMemory) context.skip('nobody may limit memory on this machine');
    const resources_per_node = { cpu: '1', memory: '300Mi', 'nvidia.com/gpu': '1' };
    const json = await untilFailed(await submit({ extra_parameters: { resources_per_node } }));
    expect(json.reason).toBe('OUT_OF_MEMORY');
    expect(json.detail).toMatch(/300 ?Mi/);
  });

  it('goes on from its checkpoint in another pod when its pod is deleted', async () => {
    const job = await submit(LONG);
    const first = await untilCheckpoint(job);
    await service.remove('/api/v1', 'pods', first);
    await untilResumed(job, first);
  });

  it('goes on from its checkpoint in another pod when its pod is evicted', async () => {
    const job = await submit(LONG);
    const first = await untilCheckpoint(job);
    bed.node.evict(service.cluster.namespace, first, 'The node was low on resource: memory.');
    await untilResumed(job, first);
  });

  it('fails without another pod when its process is killed', async () => {
    const job = await submit(LONG);
    const pod = await untilCheckpoint(job);
    await bed.node.kill(service.cluster.namespace, pod, 'node', 'SIGKILL');
    const json = await untilFailed(job);
    expect(json.detail).toMatch(/137/);
  });
});
