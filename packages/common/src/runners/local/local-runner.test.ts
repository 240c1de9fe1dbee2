import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { afterAll, beforeAll, expect } from 'vitest';
import { makeConfig, specify } from '../../../test/builders.ts';
import { eventually } from '../../../test/eventually.ts';
import { describeJobRunner, SUITE_SECRET } from '../../../test/job-runner-contract.ts';
import { LocalFixture } from '../../../test/local/local-fixture.ts';
import { makeDraft, makePayload } from '../../../test/make-draft.ts';
import { systemClock } from '../../clock.ts';
import type { Observation } from '../../jobs/observation.ts';
import { createLocalPlatform } from './create-local-platform.ts';

let fixture: LocalFixture;
beforeAll(async () => {
  fixture = await LocalFixture.create();
});
afterAll(() => fixture[Symbol.asyncDispose]());

describeJobRunner('LocalRunner', async () => {
  const platform = await createLocalPlatform(
    {
      ...{ backend: 'meta', config: makeConfig(fixture.env), clock: systemClock },
      random: Math.random,
      logger: pino({ level: 'silent' }),
    },
    () => undefined,
  );
  await platform.open();
  const { runner, store } = platform;
  const started: string[] = [];
  const release = (seen: Observation) => {
    if (seen.exists && seen.status === 'running') fixture.release(seen.runId);
  };
  return {
    runner,
    makeSpec: (outcome) =>
      specify({
        'extra_parameters.stand_in': { outcome, waits: true },
        'base_model.auth_token': SUITE_SECRET,
      }).spec,
    createRecord: async () => {
      const draft = makeDraft(randomUUID());
      const created = await store.create(
        draft,
        makePayload({ secrets: { HF_TOKEN: SUITE_SECRET } }),
      );
      if (created.outcome !== 'created') throw new Error(created.outcome);
      started.push(draft.name);
      return created.record;
    },
    until: async (name, isWanted) => {
      const check = () => {
        const seen = assertKnown(runner.getCached(name));
        if (isWanted(seen)) return true;
        release(seen);
        return false;
      };
      await eventually((tell) => runner.watch(tell), check);
      return assertKnown(runner.getCached(name));
    },
    close: async () => {
      // The suite closes the runner itself, after which nothing looks after what still runs.
      await platform.close();
      expect(started.length).toBeGreaterThan(0);
    },
  };
});

function assertKnown(seen: Observation | undefined): Observation {
  if (seen === undefined) throw new Error('nothing is known of the run');
  return seen;
}
