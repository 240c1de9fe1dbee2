import type { Kube, KubeObject } from './kube.ts';

const apiVersion = 'kueue.x-k8s.io/v1beta2';

/** What an administrator does to Kueue's queue `training`, and to its jobs of one namespace. */
export class Queue {
  readonly #kube: Kube;
  readonly #namespace: string;

  constructor(kube: Kube, namespace = 'trainer-jobs') {
    this.#kube = kube;
    this.#namespace = namespace;
  }

  /** Makes a queue of that name in the namespace, or changes it: whether it admits anything. */
  async open(name: string, isOpen: boolean): Promise<void> {
    await this.#kube.apply({
      ...{ apiVersion, kind: 'LocalQueue', metadata: { name, namespace: this.#namespace } },
      spec: { clusterQueue: 'training', stopPolicy: isOpen ? 'None' : 'Hold' },
    });
  }

  /** Sets how many GPUs its admitted jobs may ask for together. Admitted ones that no longer fit stay. */
  async resize(gpus: number): Promise<void> {
    const queue = await this.#kube.get({
      apiVersion,
      kind: 'ClusterQueue',
      metadata: { name: 'training' },
    });
    const { resourceGroups } = queue.spec;
    for (const resource of resourceGroups[0].flavors[0].resources)
      if (resource.name === 'nvidia.com/gpu') resource.nominalQuota = gpus;
    await this.#kube.patch(queue, { spec: { resourceGroups } });
  }

  /** The Workload that Kueue keeps for a TrainJob. */
  async workload(trainJob: string): Promise<KubeObject | undefined> {
    const metadata = { name: '', namespace: this.#namespace };
    const any: KubeObject = { apiVersion, kind: 'Workload', metadata };
    const list = await this.#kube.call<{ items: KubeObject[] }>(
      'GET',
      await this.#kube.collection(any),
    );
    const found = list.items.find((item) =>
      item.metadata.ownerReferences?.some(
        ({ kind, name }) => kind === 'TrainJob' && name === trainJob,
      ),
    );
    return found && { ...found, apiVersion, kind: 'Workload' };
  }

  /** Kueue suspends the job and keeps it so, until it is released. */
  async hold(trainJob: string): Promise<void> {
    await this.#setActive(trainJob, false);
  }

  async release(trainJob: string): Promise<void> {
    await this.#setActive(trainJob, true);
  }

  async #setActive(trainJob: string, active: boolean): Promise<void> {
    const workload = await this.workload(trainJob);
    if (!workload) throw new Error(`Kueue has no Workload for the TrainJob ${trainJob}`);
    await this.#kube.patch(workload, { spec: { active } });
  }
}
