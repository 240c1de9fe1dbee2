import { setTimeout as sleep } from 'node:timers/promises';
import type { Kube, KubeObject } from './kube.ts';

const namespace = 'trainer-jobs';
const list = `/apis/trainer.kubeflow.org/v1alpha1/namespaces/${namespace}/trainjobs`;
const selector = `?labelSelector=${encodeURIComponent('kueue.x-k8s.io/queue-name=training')}`;

/**
 * What Kueue would do to the TrainJobs of one queue: it lets the oldest run while there is room, and
 * resumes an admitted one that somebody else has suspended. `manifests/queue.yaml` suspends them at creation.
 */
export class Queue {
  /** How many jobs may run at once. */
  slots = 2;
  readonly #kube: Kube;
  readonly #held = new Set<string>();
  #loop: Promise<void> | undefined;
  #stopped = false;

  constructor(kube: Kube) {
    this.#kube = kube;
  }

  start(): void {
    this.#stopped = false;
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#loop;
  }

  /** As when a Workload's `spec.active` is set to false: the job is suspended and stays so. */
  async hold(name: string): Promise<void> {
    this.#held.add(name);
    await this.#suspend(name, true);
  }

  release(name: string): void {
    this.#held.delete(name);
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      // Tests stop the API server; the queue, like Kueue, then waits for it.
      await this.#turn().catch(() => sleep(500));
      await sleep(250);
    }
  }

  async #turn(): Promise<void> {
    const { items } = await this.#kube.call<{ items: KubeObject[] }>('GET', list + selector);
    const open = items.filter((job) => !isFinished(job) && !job.metadata.deletionTimestamp);
    const waiting = open.filter((job) => job.spec.suspend && !this.#held.has(job.metadata.name));
    const room = this.slots - open.filter((job) => !job.spec.suspend).length;
    for (const job of waiting.sort(byAge).slice(0, Math.max(room, 0)))
      await this.#suspend(job.metadata.name, false);
  }

  async #suspend(name: string, suspend: boolean): Promise<void> {
    await this.#kube.call(
      'PATCH',
      `${list}/${name}`,
      { spec: { suspend } },
      'application/merge-patch+json',
    );
  }
}

function isFinished(job: KubeObject): boolean {
  const conditions: { type: string; status: string }[] = job.status?.conditions ?? [];
  return conditions.some(
    ({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True',
  );
}

function byAge(one: KubeObject, other: KubeObject): number {
  const age = (job: KubeObject) => `${job.metadata.creationTimestamp} ${job.metadata.name}`;
  return age(one) < age(other) ? -1 : 1;
}
