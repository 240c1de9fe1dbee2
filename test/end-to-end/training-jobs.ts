import { until } from '@trainer/testbed';
import { expect } from 'vitest';
import type { KubeObject, ServiceFixture } from '../cluster/service-fixture.ts';
import { type RequestChanges, S3_PREFIX, type TrainingBed } from './training-bed.ts';

export const RESTART_LABEL = 'jobset.sigs.k8s.io/restart-attempt';
/** Of a training that is stopped half way: as long as a checkpoint, its upload and some more steps. */
export const STEPS = 100;
export const LONG = { tuning_parameters: { max_steps: STEPS } };
/** Longer than any test waits. */
export const ENDLESS = { tuning_parameters: { max_steps: 100_000 } };

export interface Job {
  readonly id: string;
  /** Of its record, its TrainJob and its JobSet. */
  readonly name: string;
}

/** Trainings of one service in pods that run, and what becomes of them. */
export class TrainingJobs {
  readonly #bed: TrainingBed;
  readonly #service: ServiceFixture;
  readonly #provider: string;

  constructor(bed: TrainingBed, service: ServiceFixture, provider = 'huggingface') {
    this.#bed = bed;
    this.#service = service;
    this.#provider = provider;
  }

  async submit(changes: RequestChanges = {}): Promise<Job> {
    const callbacks = { webhook_url: this.#service.receiver.url };
    const body = { ...this.#bed.request(this.#provider, changes), callbacks };
    const { body: answer } = await this.#service.submit(body);
    expect(answer, JSON.stringify(answer)).toMatchObject({ status: 'submitted' });
    return { id: body.job_id, name: answer.backend_job_id };
  }

  /** The pods of a job as they come and go. */
  follow({ name }: Job) {
    return this.#service.follow('/api/v1', 'pods', `jobset.sigs.k8s.io/jobset-name=${name}`);
  }

  async podsOf(job: Job): Promise<ReadonlyMap<string, KubeObject>> {
    return (await this.follow(job))(() => true);
  }

  /** The one pod of a job, once it has one that is not among `others`. */
  async untilPod(job: Job, others: readonly string[] = []): Promise<string> {
    const untilPods = await this.follow(job);
    const isNew = (pods: ReadonlyMap<string, unknown>) =>
      pods.size === 1 && others.every((name) => !pods.has(name));
    return [...(await untilPods(isNew, 180_000)).keys()].join();
  }

  logOf(pod: string): Promise<string> {
    return this.#bed.logOf(this.#service.cluster.namespace, pod);
  }

  async untilSays(pod: string, words: RegExp): Promise<void> {
    const isSaid = async () => words.test(await this.logOf(pod).catch(() => ''));
    await until(`${pod} says ${words}`, isSaid, { timeoutMs: 180_000 });
  }

  /**
   * The pod of a training that has left a checkpoint at the output. Its log says so; the storage's
   * files are there before the storage would show them.
   */
  async untilCheckpoint(job: Job): Promise<string> {
    const pod = await this.untilPod(job);
    await this.untilSays(pod, /checkpoint of step \d+ is complete/);
    return pod;
  }

  /** What a job that failed is told to be, and that nothing was started twice for it. */
  async untilFailed(job: Job) {
    const { json } = await this.#service.told(job.id, 'failed');
    const [pod, ...more] = (await this.podsOf(job)).values();
    expect(more).toEqual([]);
    expect(pod?.metadata.labels?.[RESTART_LABEL]).toBe('0');
    return json;
  }

  /** That it has ended well after `steps`, in another pod than the first, which went on from a checkpoint. */
  async untilResumed(job: Job, first: string, steps = STEPS): Promise<void> {
    const second = await this.untilPod(job, [first]);
    await this.untilSucceeded(job, steps);
    expect(await this.logOf(second)).toMatch(/going on after step \d+/);
  }

  /** What its answer says once it has ended well. */
  async untilSucceeded({ id }: Job, steps: number) {
    const { json } = await this.#service.told(id, 'succeeded');
    expect(json).toMatchObject({ reason: 'COMPLETED' });
    const { body } = await this.#service.get(id);
    const model_uri = `${S3_PREFIX}/results/${id}/model`;
    expect(body).toMatchObject({ status: 'succeeded', result: { model_uri, steps } });
    return body;
  }
}
