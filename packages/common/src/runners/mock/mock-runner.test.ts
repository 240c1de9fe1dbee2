import { expect, test } from 'vitest';
import { makeConfig, specify } from '../../../test/builders.ts';
import { FakeClock } from '../../../test/fake-clock.ts';
import { describeJobRunner, SUITE_SECRET } from '../../../test/job-runner-contract.ts';
import { makeRecord } from '../../../test/make-record.ts';
import { MockRunner } from './mock-runner.ts';

const CONFIG = makeConfig();

const makeScripted = (plan: Record<string, unknown>) => ({ record: makeRecord(), plan });

describeJobRunner('MockRunner', async () => {
  const clock = new FakeClock();
  const runner = new MockRunner(CONFIG, clock);
  return {
    runner,
    makeSpec: (outcome) =>
      specify({ 'extra_parameters.mock': { outcome }, 'base_model.auth_token': SUITE_SECRET }).spec,
    createRecord: async () => makeRecord(),
    until: async (name, isWanted) => {
      let told = 0;
      const unwatch = runner.watch((changed) => {
        told += Number(changed === name);
      });
      for (let seconds = 0; seconds < 120 && !isWanted(runner.getCached(name)); seconds += 1) {
        const before = runner.getCached(name);
        told = 0;
        await clock.advance(1000);
        const seen = runner.getCached(name);
        const hasChanged = before.exists && seen.exists && before.status !== seen.status;
        expect(told > 0).toBe(hasChanged);
      }
      unwatch();
      expect(isWanted(runner.getCached(name))).toBe(true);
      return runner.getCached(name);
    },
    close: () => runner.close(),
  };
});

test('plays the script of the request to the second', async () => {
  const clock = new FakeClock();
  const runner = new MockRunner(CONFIG, clock);
  const script = {
    submitted_seconds: 1,
    running_seconds: 5,
    outcome: 'failed',
    reason: 'loss is nan',
  };
  const { record, plan } = makeScripted(script);
  await runner.start(record, plan);
  const startedAtMs = clock.now() + 1000;
  await clock.advance(999);
  expect(runner.getCached(record.name)).toMatchObject({ status: 'submitted', reason: 'ACCEPTED' });
  await clock.advance(1);
  expect(runner.getCached(record.name)).toMatchObject({ status: 'running', startedAtMs });
  await clock.advance(4999);
  expect(runner.getCached(record.name)).toMatchObject({ status: 'running' });
  await clock.advance(1);
  expect(runner.getCached(record.name)).toMatchObject({
    status: 'failed',
    detail: 'loss is nan',
    startedAtMs,
    endedAtMs: startedAtMs + 5000,
  });
  await runner.close();
});

test('runs by the config where the request says nothing', async () => {
  const clock = new FakeClock();
  const runner = new MockRunner(CONFIG, clock);
  const { record, plan } = makeScripted({});
  await runner.start(record, plan);
  const endsAtMs = clock.now() + 32_000;
  await clock.advance(32_000);
  expect(runner.getCached(record.name)).toMatchObject({ status: 'succeeded', endedAtMs: endsAtMs });
});

test('progress grows, and the end of an endless run stays out of reach', async () => {
  const clock = new FakeClock();
  const runner = new MockRunner(CONFIG, clock);
  const ending = makeScripted({ submitted_seconds: 0, running_seconds: 10 });
  const endless = makeScripted({ submitted_seconds: 0, outcome: 'never' });
  await runner.start(ending.record, ending.plan);
  await runner.start(endless.record, endless.plan);
  await clock.advance(5000);
  expect(runner.getCached(ending.record.name)).toMatchObject({
    progress: { percentage: 50, estimated_remaining_seconds: 5 },
  });
  await clock.advance(7 * 86_400_000);
  expect(runner.getCached(ending.record.name)).toMatchObject({ progress: { percentage: 100 } });
  expect(runner.getCached(endless.record.name)).toMatchObject({
    status: 'running',
    progress: { percentage: 99, estimated_remaining_seconds: null },
  });
});

test('any number of runs share one timer, and closing leaves none', async () => {
  const clock = new FakeClock();
  const runner = new MockRunner(CONFIG, clock);
  for (let count = 0; count < 50; count += 1) {
    const { record, plan } = makeScripted({ running_seconds: count });
    await runner.start(record, plan);
  }
  expect(clock.timerCount).toBe(1);
  await runner.close();
  expect(clock.timerCount).toBe(0);
});

test('shows the TrainJob that a cluster would be handed', async () => {
  const runner = new MockRunner(CONFIG, new FakeClock());
  const { echo, warnings } = await runner.prepare(
    specify({ 'resources.max_duration_minutes': 5 }).spec,
  );
  expect(warnings).toEqual([]);
  expect(echo).toMatchObject({
    namespace: CONFIG.jobsNamespace,
    train_job: {
      apiVersion: 'trainer.kubeflow.org/v1alpha1',
      kind: 'TrainJob',
      spec: { activeDeadlineSeconds: 300, initializer: { dataset: expect.any(Object) } },
    },
  });
});
