import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findMarkedProcesses, identifyProcess } from '../../src/runners/local/process-facts.mjs';
import { startTestService, type TestService } from '../start-test-service.ts';
import { LocalFixture } from './local-fixture.ts';

let fixture: LocalFixture;
let service: TestService;
const start = () => startTestService({ env: fixture.env });

beforeEach(async () => {
  fixture = await LocalFixture.create();
  service = await start();
});
afterEach(async () => {
  await service.close();
  await fixture[Symbol.asyncDispose]();
});

const until = (job_id: string, status: string) =>
  service.getUntil(job_id, (body) => body.status === status);
async function run(job_id: string, standIn: Record<string, unknown> = { outcome: 'never' }) {
  await service.post('/train', fixture.makeBody(job_id, standIn));
  const { body } = await service.getUntil(job_id, ({ progress }) => progress?.percentage === 1);
  return fixture.findRun(body.backend_job_id);
}
const pidOf = (runId: string, file: 'run.json' | 'trainer.json'): number => {
  const facts = fixture.readRunFile(runId, file);
  return (facts.process ?? facts).pid;
};

test('a shim that is killed takes its training along', async () => {
  const runId = await run('shim', { outcome: 'never', ignoresTerm: true, forks: true });
  process.kill(pidOf(runId, 'run.json'), 'SIGKILL');
  expect((await until('shim', 'failed')).body).toMatchObject({
    reason: 'TRAINING_FAILED',
    detail: 'The process that looked after the training was killed',
  });
  expect(fixture.isAlive(runId)).toBe(false);
});

test('a trainer that is killed has failed', async () => {
  const runId = await run('trainer');
  process.kill(pidOf(runId, 'trainer.json'), 'SIGKILL');
  expect((await until('trainer', 'failed')).body).toMatchObject({
    reason: 'TRAINING_FAILED',
    detail: 'The training was ended by SIGKILL',
  });
  await fixture.untilDead(runId);
});

test('a folder that is removed by hand ends its run, which is told as deleted', async () => {
  const runId = await run('removed', { outcome: 'never', ignoresTerm: true });
  rmSync(fixture.runFolder(runId), { recursive: true });
  expect((await until('removed', 'cancelled')).body.reason).toBe('DELETED');
  await fixture.untilDead(runId);
});

test('a pid that another process has got is not the run, and is left alone', async () => {
  const runId = await run('pid');
  await service.close();
  for (const pid of findMarkedProcesses(runId)) process.kill(pid, 'SIGKILL');
  await fixture.untilDead(runId);
  // This very process has the pid now, as far as the folder knows, and began at another time.
  const own = { ...identifyProcess(process.pid), start: '1' };
  rewrite(runId, 'run.json', { process: own });
  writeFileSync(join(fixture.runFolder(runId), 'trainer.json'), JSON.stringify(own));
  service = await start();
  expect((await until('pid', 'failed')).body.reason).toBe('TRAINING_FAILED');
});

test('after a restart of the machine what ran has failed, whoever has its pid now', async () => {
  const runId = await run('boot');
  await service.close();
  for (const pid of findMarkedProcesses(runId)) process.kill(pid, 'SIGKILL');
  await fixture.untilDead(runId);
  rewrite(runId, 'run.json', { process: { ...identifyProcess(process.pid), boot: 'earlier' } });
  service = await start();
  expect((await until('boot', 'failed')).body).toMatchObject({
    reason: 'TRAINING_FAILED',
    detail: 'The machine was restarted while the training was running',
  });
});

test('records that are locked refuse a POST for now, and runs go on', async () => {
  const runId = await run('goes-on', { waits: true });
  const other = new DatabaseSync(join(fixture.stateDir, 'records.sqlite'));
  other.exec('BEGIN IMMEDIATE');
  const refused = await service.post('/train', fixture.makeBody('locked'));
  expect(refused.status).toBe(503);
  expect(refused.body.detail).toContain('another program has locked the file');
  expect((await service.request('/train/goes-on')).body.status).toBe('running');
  fixture.release(runId);
  await fixture.untilDead(runId);
  other.exec('ROLLBACK');
  other.close();
  await until('goes-on', 'succeeded');
  expect((await service.post('/train', fixture.makeBody('locked'))).status).toBe(200);
});

test('a run whose folder is removed before anybody has looked is not started again', async () => {
  const starts = join(fixture.root, 'starts');
  const jobs = Array.from({ length: 8 }, (_, index) => `early-${index}`);
  for (const job of jobs) {
    const standIn = { outcome: 'never', removes_folder: true, record_start: starts };
    await service.post('/train', fixture.makeBody(job, standIn));
  }
  for (const job of jobs) {
    expect((await until(job, 'cancelled')).body.reason).toBe('DELETED');
  }
  const started = readFileSync(starts, 'utf8').split('\n').filter(Boolean);
  expect(started.toSorted()).toEqual(jobs);
});

test('a run that stands in no line is ended and its folder removed', async () => {
  const runId = await run('orphan', { outcome: 'never', ignoresTerm: true });
  await service.close();
  for (const name of ['records.sqlite', 'records.sqlite-wal', 'records.sqlite-shm']) {
    rmSync(join(fixture.stateDir, name), { force: true });
  }
  service = await start();
  await fixture.untilDead(runId);
  expect((await service.request('/train/orphan')).status).toBe(404);
});

function rewrite(runId: string, name: string, changes: object): void {
  const known = fixture.readRunFile(runId, name);
  writeFileSync(join(fixture.runFolder(runId), name), JSON.stringify({ ...known, ...changes }));
}
