import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { copyFile, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findFreePort } from '@trainer/common/testing';
import { connect, type Kube, type KubeObject, ProcessNode, RUNS_PODS } from '@trainer/testbed';
import { parse } from 'yaml';
import { createRuntimeImage } from './runtime-image.ts';
import { S3_KEYS, S3Server } from './s3-server.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const BUCKET = 'models';

/** Where trainings really run: a node, a storage with a tiny model and its rows, and our own runtimes. */
export class TrainingBed {
  readonly node: ProcessNode;
  readonly storage: S3Server;
  /** Folder of the bucket. */
  readonly bucket: string;
  readonly #kube: Kube;

  private constructor(kube: Kube, node: ProcessNode, storage: S3Server, bucket: string) {
    this.#kube = kube;
    this.node = node;
    this.storage = storage;
    this.bucket = bucket;
  }

  static async start(kubeconfigPath: string, services: readonly string[]): Promise<TrainingBed> {
    const python = process.env.TRAINER_LOCAL_PYTHON;
    if (python === undefined) throw new Error('TRAINER_LOCAL_PYTHON does not name a Python');
    const runtimes = await Promise.all(services.map(readRuntime));
    const image = createRuntimeImage(python);
    const node = await ProcessNode.start({
      bedDir: dirname(kubeconfigPath),
      images: Object.fromEntries(runtimes.map((runtime) => [imageOf(runtime), image])),
      room: { 'nvidia.com/gpu': '8' },
    });
    const kube = await connect(kubeconfigPath);
    for (const runtime of runtimes) await kube.apply(runtime);
    const storage = await S3Server.start(node.hostIp, Number(await findFreePort()));
    const bucket = await storage.bucket(BUCKET);
    const model = join(bucket, 'model');
    const env = { ...process.env, PYTHONPATH: join(ROOT, 'runtime') };
    execFileSync(python, [join(ROOT, 'runtime/tests/tiny_model.py'), model], {
      env,
      stdio: 'ignore',
    });
    await copyFile(join(model, 'rows.jsonl'), join(bucket, 'rows.jsonl'));
    await rm(join(model, 'rows.jsonl'));
    return new TrainingBed(kube, node, storage, bucket);
  }

  /** What an operator of such a cluster sets for a service. */
  settingsFor(service: string): Record<string, string> {
    return {
      TRAINER_RUNTIME_NAME: nameOf(service),
      TRAINER_S3_ENDPOINT: this.storage.endpoint,
      TRAINER_S3_REGION: S3_KEYS.aws_region,
      TRAINER_GPU_TYPES: JSON.stringify({
        none: {
          nodeSelector: { [RUNS_PODS]: 'true' },
          tolerations: [{ key: RUNS_PODS, operator: 'Exists' }],
        },
      }),
    };
  }

  /** A request for a small LoRA training of the tiny model, without callbacks. */
  request(provider: string, changes: Record<string, object> = {}) {
    const sections: Record<string, object> = {
      base_model: { provider, model_name: 'tiny', weights_url: `s3://${BUCKET}/model` },
      customization: { method: 'lora', rank: 8, lora_alpha: 16, precision: 'fp32' },
      resources: { gpus: 1, gpu_type: 'none', cpus: 1, memory_gb: 4 },
      artifacts: {
        ...{ log_uri: `s3://${BUCKET}/logs/`, output_uri: `s3://${BUCKET}/results/` },
        auth: S3_KEYS,
      },
      tuning_parameters: {
        ...{ learning_rate: 0.01, batch_size: 8, num_epochs: 1, max_steps: 4 },
        max_sequence_length: 128,
      },
    };
    const merged = Object.entries(sections).map(([key, section]) => [
      key,
      { ...section, ...changes[key] },
    ]);
    return {
      datasets: [{ source: `s3://${BUCKET}/rows.jsonl`, format: 'jsonl' }],
      ...changes,
      ...Object.fromEntries(merged),
      job_id: `real-${randomUUID().slice(0, 8)}`,
    };
  }

  /** What a training has written, as the API server has it of its node. */
  logOf(namespace: string, pod: string): Promise<string> {
    return this.#kube.call('GET', `/api/v1/namespaces/${namespace}/pods/${pod}/log`);
  }

  async close(): Promise<void> {
    this.#kube.close();
    await this.node.close();
    await this.storage.close();
  }
}

/** The service's runtime as it is deployed, under a name that the simulated ones do not have. */
async function readRuntime(service: string): Promise<KubeObject> {
  const text = await readFile(join(ROOT, `k8s/runtimes/${service}-runtime.yaml`), 'utf8');
  const runtime = parse(text) as KubeObject;
  runtime.metadata.name = nameOf(service);
  return runtime;
}

function nameOf(service: string): string {
  return `real-${service}-runtime`;
}

function imageOf({ spec }: KubeObject): string {
  return spec.template.spec.replicatedJobs[0].template.spec.template.spec.containers[0].image;
}
