import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isTerminal, type JobRecord } from '../src/jobs/job.ts';
import type { JobRunner, PreparedJob } from '../src/jobs/job-runner.ts';
import type { JobSpec } from '../src/jobs/job-spec.ts';
import type { Observation } from '../src/jobs/observation.ts';
import { isStale } from '../src/jobs/staleness.ts';
import { assertExists } from './until-seen.ts';

/** How a job of the suite comes out; `never` runs until it is stopped. */
export type PlayedOutcome = 'succeeded' | 'failed' | 'never';

export interface RunnerHarness {
  readonly runner: JobRunner;
  /** What to run: something short, or something endless; it refers to the key `HF_TOKEN`. */
  makeSpec(outcome: PlayedOutcome): JobSpec;
  /** Makes the record of such a job, where its runner looks for it. */
  createRecord(spec: JobSpec): Promise<JobRecord>;
  /** Lets time pass until the runner shows what is wanted, and has announced it. */
  until(name: string, isWanted: (seen: Observation) => boolean): Promise<Observation>;
  close(): Promise<void>;
}

/** The secret value that `HF_TOKEN` stands for. */
export const SUITE_SECRET = 'hf_suite_secret';

const isGone = (seen: Observation) => !seen.exists;
const isRunning = (seen: Observation) => seen.exists && seen.status === 'running';
const hasEnded = (seen: Observation) => seen.exists && isTerminal(seen.status);

/** What every runner does, wherever it runs jobs. */
export function describeJobRunner(name: string, make: () => Promise<RunnerHarness>): void {
  describe(`${name}, as a runner`, () => {
    let harness: RunnerHarness;
    let runner: JobRunner;

    beforeAll(async () => {
      harness = await make();
      runner = harness.runner;
      await runner.open();
    });

    afterAll(() => harness.close());

    const readSecrets = async () => ({ HF_TOKEN: SUITE_SECRET });
    const start = (record: JobRecord, plan: PreparedJob['plan']) =>
      runner.start(record, plan, readSecrets);

    async function makeJob(outcome: PlayedOutcome) {
      const spec = harness.makeSpec(outcome);
      const prepared = await runner.prepare(spec);
      // As a store gives it back.
      const plan = JSON.parse(JSON.stringify(prepared.plan)) as PreparedJob['plan'];
      return { record: await harness.createRecord(spec), plan };
    }

    async function startJob(outcome: PlayedOutcome) {
      const { record, plan } = await makeJob(outcome);
      const started = await start(record, plan);
      if (started.outcome !== 'started') throw new Error(JSON.stringify(started));
      return { record, plan, runId: started.runId };
    }

    test('is ready once opened', () => {
      expect(runner.notReadyReason()).toBeUndefined();
      expect(isStale(runner.behindForMs())).toBe(false);
    });

    test('knows nothing of a name that it never ran', async () => {
      expect(runner.getCached('nemo-absent')).toEqual({ exists: false });
      expect(await runner.observe('nemo-absent')).toEqual({ exists: false });
    });

    test('shows a run as soon as it is started, with its own id and its record', async () => {
      const { record, runId } = await startJob('never');
      const wanted = { exists: true, runId, recordUid: record.uid, isStopping: false };
      expect(runner.getCached(record.name)).toMatchObject(wanted);
      expect(await runner.observe(record.name)).toMatchObject(wanted);
    });

    test('starts one run however often it is asked', async () => {
      const { record, plan, runId } = await startJob('never');
      const again = await Promise.all([start(record, plan), start(record, plan)]);
      expect(again).toEqual([
        { outcome: 'started', runId },
        { outcome: 'started', runId },
      ]);
    });

    test('takes a run from submitted over running to its success', async () => {
      const { record } = await startJob('succeeded');
      const running = assertExists(await harness.until(record.name, isRunning));
      expect(running).toMatchObject({ reason: 'RUNNING', endedAtMs: undefined });
      const ended = assertExists(await harness.until(record.name, hasEnded));
      expect(ended).toMatchObject({
        status: 'succeeded',
        reason: 'COMPLETED',
        runId: running.runId,
        startedAtMs: running.startedAtMs,
      });
      expect(ended.endedAtMs).toBeGreaterThanOrEqual(running.startedAtMs ?? Number.NaN);
      expect(await runner.observe(record.name)).toMatchObject({ status: 'succeeded' });
    });

    test('says that a run failed', async () => {
      const { record } = await startJob('failed');
      expect(await harness.until(record.name, hasEnded)).toMatchObject({ status: 'failed' });
    });

    test('stops a run, twice if asked, and then knows nothing of it', async () => {
      const { record } = await startJob('never');
      await harness.until(record.name, isRunning);
      await Promise.all([runner.stop(record), runner.stop(record)]);
      await harness.until(record.name, isGone);
      await runner.stop(record);
      expect(await runner.observe(record.name)).toEqual({ exists: false });
    });

    test('stops nothing for a record that has no run', async () => {
      const { record } = await makeJob('never');
      await expect(runner.stop(record)).resolves.toBeUndefined();
    });

    test('keeps the runs of two records of one name apart', async () => {
      const { record, plan, runId } = await startJob('never');
      const namesake = { ...record, uid: '00000000-0000-4000-8000-000000000000' };
      expect(await start(namesake, plan)).toMatchObject({ outcome: 'later' });
      await runner.stop(namesake);
      expect(await runner.observe(record.name)).toMatchObject({ runId, isStopping: false });
    });

    test('tells no more of changes to whom does not listen any more', async () => {
      const told: string[] = [];
      const unwatch = runner.watch((changed) => told.push(changed));
      const first = await startJob('never');
      await harness.until(first.record.name, isRunning);
      unwatch();
      const second = await startJob('never');
      await harness.until(second.record.name, isRunning);
      expect(told).toContain(first.record.name);
      expect(told).not.toContain(second.record.name);
    });

    test('prepares the same plan of the same job, as JSON without its secret values', async () => {
      const spec = harness.makeSpec('succeeded');
      const [first, second] = [await runner.prepare(spec), await runner.prepare(spec)];
      expect(second).toEqual(first);
      expect(JSON.stringify(first)).not.toContain(SUITE_SECRET);
      expect(Object.keys(first.echo)).not.toHaveLength(0);
    });

    test('closes twice', async () => {
      await runner.close();
      await runner.close();
    });
  });
}
