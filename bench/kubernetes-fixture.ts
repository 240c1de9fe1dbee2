import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { TestCluster } from '@trainer/common/testing/cluster';
import { type KubeObject, startTestbed, type Testbed } from '@trainer/testbed';
import { request } from 'undici';
import { type Child, startService } from './child.ts';

const POLL_MS = 20;
/** Kernel ticks of /proc/PID/stat in a second. */
const TICKS = 100;
/** What a submission keeps busy besides the service: the API server, its store, Trainer's webhook. */
const PARTS_OF_A_WRITE = ['kube-apiserver', 'etcd', 'trainer'];
const TRAIN_JOB: KubeObject = {
  apiVersion: 'trainer.kubeflow.org/v1alpha1',
  kind: 'TrainJob',
  metadata: { name: 'probe', namespace: 'trainer-jobs' },
  spec: { runtimeRef: { name: 'hf-unsloth-runtime' } },
};

/**
 * Every TrainJob belongs to a controller that is not here, so that Trainer admits it and then makes
 * nothing of it: what the control plane does besides would drown what is measured, and no status
 * changes but by the measurement's own hand.
 */
const POLICY: KubeObject[] = [
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingAdmissionPolicy',
    metadata: { name: 'bench-hands-off' },
    spec: {
      failurePolicy: 'Fail',
      reinvocationPolicy: 'Never',
      matchConstraints: {
        resourceRules: [
          {
            apiGroups: ['trainer.kubeflow.org'],
            apiVersions: ['v1alpha1'],
            operations: ['CREATE'],
            resources: ['trainjobs'],
          },
        ],
      },
      mutations: [
        {
          patchType: 'JSONPatch',
          jsonPatch: {
            expression:
              '[JSONPatch{op: "add", path: "/spec/managedBy", value: "kueue.x-k8s.io/multikueue"}]',
          },
        },
      ],
    },
  },
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingAdmissionPolicyBinding',
    metadata: { name: 'bench-hands-off' },
    spec: { policyName: 'bench-hands-off' },
  },
];

/** A real control plane whose TrainJobs nobody runs; dispose of it. */
export class KubernetesFixture implements AsyncDisposable {
  readonly testbed: Testbed;

  private constructor(testbed: Testbed) {
    this.testbed = testbed;
  }

  static async start(): Promise<KubernetesFixture> {
    const testbed = await startTestbed();
    const fixture = new KubernetesFixture(testbed);
    for (const object of POLICY) await testbed.kube.apply(object);
    // Policies are learnt of by a watch.
    while (!(await fixture.#isHandsOff())) await delay(POLL_MS);
    return fixture;
  }

  /** A namespace of its own, which goes with the fixture. */
  openNamespace(): Promise<TestCluster> {
    return TestCluster.create(this.testbed.kubeconfigPath);
  }

  /** The service with jobs in that namespace, as an account of its own, once it is ready. */
  async startService(
    cluster: TestCluster,
    { server, env }: { server?: string; env?: Readonly<Record<string, string>> } = {},
  ): Promise<Child> {
    const kubeconfig = await cluster.createAccount(
      undefined,
      server === undefined ? {} : { server, 'insecure-skip-tls-verify': true },
    );
    const service = await startService({
      env: {
        KUBECONFIG: kubeconfig,
        TRAINER_JOB_RUNNER: 'kubernetes',
        TRAINER_JOBS_NAMESPACE: cluster.namespace,
        ...env,
      },
    });
    while (!(await isReady(service.url))) await delay(POLL_MS);
    return service;
  }

  /** Processor time so far of everything that takes part in a write. */
  async cpuMs(): Promise<number> {
    const times = PARTS_OF_A_WRITE.map(async (name) => {
      const { pid } = this.testbed.component(name);
      const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
      return ((Number(fields[11]) + Number(fields[12])) / TICKS) * 1000;
    });
    return (await Promise.all(times)).reduce((sum, ms) => sum + ms, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.testbed.close();
  }

  async #isHandsOff(): Promise<boolean> {
    const { kube } = this.testbed;
    const path = `${await kube.collection(TRAIN_JOB)}?dryRun=All`;
    try {
      return (await kube.call<KubeObject>('POST', path, TRAIN_JOB)).spec.managedBy !== undefined;
    } catch {
      // Trainer's webhook starts a moment later.
      return false;
    }
  }
}

async function isReady(url: string): Promise<boolean> {
  const { statusCode, body } = await request(`${url}/readyz`);
  await body.dump();
  return statusCode === 200;
}
