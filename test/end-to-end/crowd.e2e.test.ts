import { findMissingRequirement, type Queue, until } from '@trainer/testbed';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type ServiceFixture, TRAINER_API } from '../cluster/service-fixture.ts';
import type { TrainingBed } from './training-bed.ts';
import type { Job, TrainingJobs } from './training-jobs.ts';
import { TrainingSuite } from './training-suite.ts';

const backend = 'hf-unsloth';
const COUNT = Number(process.env.TRAINER_CROWD_JOBS ?? 5);
const SLOTS = 4;
const QUEUE = 'crowd';
const STEPS = 4;
/** Of the queue, as the test bed has it. */
const ROOM = 16;
const missing = findMissingRequirement();
const title =
  missing === undefined ? `${COUNT} trainings` : `a crowd of trainings needs ${missing}`;

/** What is read of objects here. */
interface Seen {
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly lastTransitionTime: string;
    }[];
  };
}

const timeOf = (seen: Seen | undefined, type: string): number | undefined => {
  const found = seen?.status?.conditions?.find((one) => one.type === type && one.status === 'True');
  return found && Date.parse(found.lastTransitionTime);
};

describe.skipIf(missing !== undefined)(title, () => {
  let suite: TrainingSuite;
  let bed: TrainingBed;
  let service: ServiceFixture;
  let jobs: TrainingJobs;
  let queue: Queue;
  beforeAll(async () => {
    suite = await TrainingSuite.start(inject('kubeconfigPath'), backend);
    ({ bed, service, jobs } = suite);
    queue = bed.queueOf(service.cluster.namespace);
    await queue.resize(SLOTS);
    await queue.open(QUEUE, true);
  });
  afterAll(async () => {
    await queue?.resize(ROOM);
    await suite?.close();
  });

  const submitAll = async () => {
    const submitted: Job[] = [];
    for (let index = 0; index < COUNT; index += 1) {
      submitted.push(await jobs.submit({ extra_parameters: { queue_name: QUEUE } }));
      // Kueue tells the order of two that came in one second by nothing.
      const nextMs = Math.ceil(Date.now() / 1000) * 1000;
      await until('the next second', async () => Date.now() > nextMs);
    }
    return submitted;
  };

  it(
    `end on ${SLOTS} slots of a queue, each once and in the order in which they came`,
    async () => {
      const beganMs = Date.now();
      let most = 0;
      const untilPods = await service.follow('/api/v1', 'pods');
      const watching = untilPods((pods) => {
        const phases = [...pods.values()].map((pod) => (pod as Seen).status?.phase);
        most = Math.max(most, phases.filter((phase) => phase === 'Running').length);
        return phases.filter((phase) => phase === 'Succeeded').length === COUNT;
      }, COUNT * 60_000);
      const completedMs = new Map<string, number>();
      const untilTrainJobs = await service.follow(TRAINER_API, 'trainjobs');
      const completing = untilTrainJobs((all) => {
        for (const [name, trainJob] of all) {
          const isComplete = timeOf(trainJob as Seen, 'Complete') !== undefined;
          if (isComplete && !completedMs.has(name)) completedMs.set(name, Date.now());
        }
        return completedMs.size === COUNT;
      }, COUNT * 60_000);

      const submitted = await submitAll();
      const delays: number[] = [];
      for (const job of submitted) {
        const { receivedAtMs } = await service.told(job.id, 'succeeded');
        delays.push(receivedAtMs - (completedMs.get(job.name) ?? receivedAtMs));
      }
      await completing;
      const admitted = await Promise.all(
        submitted.map(async ({ name }) => timeOf((await queue.workload(name)) as Seen, 'Admitted')),
      );
      for (const { id, name } of submitted) {
        const { body } = await service.get(id);
        expect(body).toMatchObject({ status: 'succeeded', result: { steps: STEPS } });
        const finals = service.receiver.requests.filter(
          ({ json }) => json.job_id === id && json.status === 'succeeded',
        );
        expect(finals).toHaveLength(1);
        expect((await jobs.podsOf({ id, name })).size).toBe(1);
      }
      expect(admitted).toEqual(admitted.toSorted((a = 0, b = 0) => a - b));
      await watching;
      expect(most).toBeLessThanOrEqual(SLOTS);
      expect(most).toBeGreaterThan(1);
      delays.sort((a, b) => a - b);
      console.log(
        `${COUNT} trainings on ${SLOTS} slots took ${Math.round((Date.now() - beganMs) / 1000)} s; ` +
          `from Complete to the webhook ${delays[Math.floor(COUNT / 2)]} ms (median), ${delays.at(-1)} ms at most`,
      );
    },
    COUNT * 60_000 + 120_000,
  );
});
