import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { copyFile, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Fleet, FleetOptions } from '@trainer/chaos/fleet';
import { findFreePort } from '@trainer/common/testing';
import {
  connect,
  type Kube,
  type KubeObject,
  PROCESS_NODES,
  ProcessNode,
  type ProcessNodeOptions,
  Queue,
  RUNS_PODS,
} from '@trainer/testbed';
import { parse } from 'yaml';
import { ServiceFixture } from '../cluster/service-fixture.ts';
import { claimWorkspace, createInitializerImages, withInitializers } from './initializers.ts';
import { InstalledAccount } from './installed-account.ts';
import { ReportsDoor } from './reports-door.ts';
import { createRuntimeImage } from './runtime-image.ts';
import { S3_KEYS, S3Server } from './s3-server.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const OTHER_NODE = PROCESS_NODES[1];
export const BUCKET = 'models';
export const S3_PREFIX = `s3://${BUCKET}`;

/** Sections of a request are merged with those of the tiny training; all else is replaced. */
export type RequestChanges = Record<string, object>;

/** Where trainings really run: a node, a storage with a tiny model and its rows, and our own runtimes. */
export class TrainingBed {
  readonly node: ProcessNode;
  readonly storage: S3Server;
  /** Folder of the bucket. */
  readonly bucket: string;
  /** What stands for the images has its packages. */
  readonly python: string;
  readonly #kube: Kube;
  readonly #machine: ProcessNodeOptions;
  /** Where the trainings of a service report. */
  readonly #doors = new Map<Fleet, ReportsDoor>();

  private constructor(
    kube: Kube,
    node: ProcessNode,
    machine: ProcessNodeOptions,
    storage: S3Server,
    bucket: string,
    python: string,
  ) {
    this.python = python;
    this.#kube = kube;
    this.node = node;
    this.#machine = machine;
    this.storage = storage;
    this.bucket = bucket;
  }

  /** With `hasInitializers`, each runtime is there once more, with those of Kubeflow. */
  static async start(
    kubeconfigPath: string,
    services: readonly string[],
    { hasInitializers = false } = {},
  ): Promise<TrainingBed> {
    const python = process.env.TRAINER_LOCAL_PYTHON;
    if (python === undefined) throw new Error('TRAINER_LOCAL_PYTHON does not name a Python');
    const runtimes = await Promise.all(services.map(readRuntime));
    const image = createRuntimeImage(python);
    const machine = {
      bedDir: dirname(kubeconfigPath),
      images: {
        ...Object.fromEntries(runtimes.map((runtime) => [imageOf(runtime), image])),
        ...(hasInitializers && (await createInitializerImages(python))),
      },
      room: { 'nvidia.com/gpu': '8' },
    };
    const node = await ProcessNode.start(machine);
    const kube = await connect(kubeconfigPath);
    for (const runtime of runtimes) {
      await kube.apply(runtime);
      if (!hasInitializers) continue;
      await kube.apply(withInitializers(runtime, `${runtime.metadata.name}-initialized`));
    }
    const storage = await S3Server.start(node.hostIp);
    const bucket = await storage.bucket(BUCKET);
    const model = join(bucket, 'model');
    const env = { ...process.env, PYTHONPATH: join(ROOT, 'runtime') };
    execFileSync(python, [join(ROOT, 'runtime/tests/tiny_model.py'), model], {
      env,
      stdio: 'ignore',
    });
    await copyFile(join(model, 'rows.jsonl'), join(bucket, 'rows.jsonl'));
    await rm(join(model, 'rows.jsonl'));
    return new TrainingBed(kube, node, machine, storage, bucket, python);
  }

  /** Another node, for jobs with `gpu_type: 'other'` alone. */
  startOtherNode(): Promise<ProcessNode> {
    return ProcessNode.start({ ...this.#machine, name: OTHER_NODE });
  }

  /** Says that a node will not come back. */
  async forgetNode({ name }: ProcessNode): Promise<void> {
    await this.#kube.call('DELETE', `/api/v1/nodes/${name}`);
  }

  /** A service as its manifests install it in such a cluster; its trainings report to it. */
  async startService(
    kubeconfigPath: string,
    backend: FleetOptions['backend'],
    further: Record<string, string> = {},
  ): Promise<ServiceFixture> {
    const port = await findFreePort();
    const door = await ReportsDoor.open(this.node.hostIp, Number(port));
    const env = { ...this.#settingsFor(backend), TRAINER_REPORTS_URL: door.url };
    const account = await InstalledAccount.create(kubeconfigPath, `${backend}-api`);
    const service = await ServiceFixture.start({
      ...{ kubeconfigPath, backend, account },
      env: { ...env, TRAINER_REPORTS_PORT: port, ...further },
    });
    this.#doors.set(service.fleet, door);
    return service;
  }

  #settingsFor(service: string): Record<string, string> {
    return {
      TRAINER_GRACE_SECONDS: '20',
      TRAINER_RUNTIME_NAME: nameOf(service),
      TRAINER_S3_ENDPOINT: this.storage.endpoint,
      TRAINER_S3_REGION: S3_KEYS.aws_region,
      TRAINER_GPU_TYPES: JSON.stringify({
        none: placeOn(PROCESS_NODES[0]),
        other: placeOn(OTHER_NODE),
      }),
    };
  }

  /** A request for a small LoRA training of the tiny model, without callbacks. */
  request(provider: string, changes: RequestChanges = {}) {
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
  logOf(namespace: string, pod: string, { timestamps = false } = {}): Promise<string> {
    const path = `/api/v1/namespaces/${namespace}/pods/${pod}/log`;
    return this.#kube.call('GET', timestamps ? `${path}?timestamps=true` : path);
  }

  /** The runtime of a service with Kubeflow's initializers, for jobs of a namespace. */
  async offerInitializers(backend: string, namespace: string): Promise<string> {
    await claimWorkspace(this.#kube, namespace);
    return `${nameOf(backend)}-initialized`;
  }

  /** Kueue, as an administrator has it in a namespace. */
  queueOf(namespace: string): Queue {
    return new Queue(this.#kube, namespace);
  }

  /** Sends a report as the training of a job does. */
  async report(
    { cluster, fleet }: ServiceFixture,
    { id, name }: { readonly id: string; readonly name: string },
    body: object,
  ): Promise<Response> {
    const path = `/api/v1/namespaces/${cluster.namespace}/secrets/${name}`;
    const { data } = await this.#kube.call<{ data: Record<string, string> }>('GET', path);
    const token = Buffer.from(data.TRAINER_REPORTS_TOKEN ?? '', 'base64').toString();
    const door = this.#doors.get(fleet);
    return fetch(`${door?.url}/train/${id}/reports`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    });
  }

  async close(): Promise<void> {
    this.#kube.close();
    await Promise.all([...this.#doors.values()].map((door) => door.close()));
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

function placeOn(node: string) {
  return {
    nodeSelector: { 'kubernetes.io/hostname': node },
    tolerations: [{ key: RUNS_PODS, operator: 'Exists' }],
  };
}

function nameOf(service: string): string {
  return `real-${service}-runtime`;
}

function imageOf({ spec }: KubeObject): string {
  return spec.template.spec.replicatedJobs[0].template.spec.template.spec.containers[0].image;
}
