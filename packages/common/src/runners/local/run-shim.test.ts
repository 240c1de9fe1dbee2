import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LocalFixture } from '../../../test/local/local-fixture.ts';
import { identifyProcess } from './process-facts.mjs';
import { RunFolder, type RunOrder } from './run-folder.ts';

/** What a shim that has started nothing ends with. */
const NOT_BEGUN = 10;

const SHIM = fileURLToPath(new URL('./run-shim.mjs', import.meta.url));
let fixture: LocalFixture;
beforeAll(async () => {
  fixture = await LocalFixture.create();
});
afterAll(() => fixture[Symbol.asyncDispose]());

let runs = 0;
function makeRun(changes: Partial<RunOrder> = {}) {
  const runId = `run-${runs++}`;
  const folder = new RunFolder(join(fixture.stateDir, 'runs'), runId);
  folder.create({
    ...{ runId, recordUid: 'uid', name: 'name' },
    ...{ command: fixture.python, args: [], folder: folder.at('work'), graceMs: 5000 },
    ...{ deadlineMs: undefined, logBytes: 1000, ...changes },
  });
  return { runId, folder };
}

function startShim(folder: RunFolder, runId: string, standIn: Record<string, unknown> = {}) {
  const request = { extra_parameters: { stand_in: standIn } };
  const env = {
    PATH: process.env.PATH,
    TRAINER_RUN_ID: runId,
    TRAINING_REQUEST_JSON: JSON.stringify(request),
    TRAINER_STATUS_FILE: folder.at('status.json'),
    TRAINER_TERMINATION_FILE: folder.at('termination'),
  };
  const shim = spawn(process.execPath, [SHIM, folder.path], { env, stdio: 'inherit' });
  return { shim, ended: new Promise<number | null>((resolve) => shim.once('exit', resolve)) };
}
/** Nothing tells of a file of another process. */
async function untilThere(folder: RunFolder, name: string): Promise<void> {
  while (!readdirSync(folder.path).includes(name)) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test('says who it is before and how it ended after', async () => {
  const { folder, runId } = makeRun();
  const { shim, ended } = startShim(folder, runId, { waits: true });
  await untilThere(folder, 'status.json');
  expect(folder.readFacts()?.process).toEqual(identifyProcess(shim.pid ?? 0));
  const trainer = folder.readTrainer();
  expect(trainer).toEqual(identifyProcess(trainer?.pid ?? 0));
  expect(folder.readExit()).toBeUndefined();
  fixture.release(runId);
  expect(await ended).toBe(0);
  expect(folder.readExit()).toEqual({ code: 0, signal: null, endedAtMs: expect.any(Number) });
  expect(identifyProcess(trainer?.pid ?? 0)).toBeUndefined();
});

test('of several shims of one run one starts the trainer', async () => {
  const { folder, runId } = makeRun();
  const shims = Array.from({ length: 4 }, () => startShim(folder, runId, { waits: true }));
  await untilThere(folder, 'status.json');
  const winner = folder.readFacts()?.process.pid;
  const isLoser = ({ shim }: { shim: ChildProcess }) => shim.pid !== winner;
  const losers = shims.filter(isLoser).map(({ ended }) => ended);
  expect(await Promise.all(losers)).toEqual([NOT_BEGUN, NOT_BEGUN, NOT_BEGUN]);
  expect(folder.block()).toBe(false);
  expect(readFileSync(folder.at('log'), 'utf8')).toBe('');
  fixture.release(runId);
  await Promise.all(shims.map(({ ended }) => ended));
  expect(folder.readExit()).toMatchObject({ code: 0 });
});

test('starts nothing in a folder that is gone, that is blocked, or that was told to stop', async () => {
  const gone = makeRun();
  gone.folder.remove();
  expect(await startShim(gone.folder, gone.runId).ended).toBe(NOT_BEGUN);
  expect(gone.folder.exists()).toBe(false);
  const blocked = makeRun();
  expect(blocked.folder.block()).toBe(true);
  expect(await startShim(blocked.folder, blocked.runId).ended).toBe(NOT_BEGUN);
  expect(blocked.folder.readFacts()).toBeUndefined();
  // As after a service that was killed before it removed the folder.
  expect(blocked.folder.block()).toBe(true);
  const stopped = makeRun();
  stopped.folder.writeStop(1000);
  await startShim(stopped.folder, stopped.runId).ended;
  expect(stopped.folder.readExit()).toMatchObject({ cause: 'stopped', code: null });
  expect(readdirSync(stopped.folder.path)).not.toContain('log');
});

test('at the deadline it asks the trainer to end', async () => {
  const { folder, runId } = makeRun({ deadlineMs: 300 });
  await startShim(folder, runId, { outcome: 'never' }).ended;
  // Whether the trainer has come to listen by then is not ours to say.
  expect([143, null]).toContain(folder.readExit()?.code);
  expect(folder.readExit()).toMatchObject({ cause: 'deadline' });
  expect(folder.readExit()?.signal).not.toBe('SIGKILL');
});

test('kills what does not end within the grace', async () => {
  const { folder, runId } = makeRun();
  const { ended } = startShim(folder, runId, { outcome: 'never', ignoresTerm: true, forks: true });
  await untilThere(folder, 'status.json');
  folder.writeStop(100);
  await ended;
  expect(folder.readExit()).toMatchObject({ cause: 'stopped', signal: 'SIGKILL' });
  expect(fixture.isAlive(runId)).toBe(false);
});

test('an order to stop and a signal to the shim end the trainer in the same way', async () => {
  for (const [cause, stop] of [
    ['stopped', (folder: RunFolder) => folder.writeStop(5000)],
    ['signalled', (_: RunFolder, shim: ChildProcess) => shim.kill('SIGTERM')],
  ] as const) {
    const { folder, runId } = makeRun();
    const { shim, ended } = startShim(folder, runId, { outcome: 'never' });
    await untilThere(folder, 'status.json');
    stop(folder, shim);
    await ended;
    expect(folder.readExit()).toMatchObject({ cause, code: 143 });
    expect(folder.readTermination()).toContain('STOPPED');
  }
});

test('ends itself and the training when its folder is gone, or belongs to another', async () => {
  for (const replaces of [false, true]) {
    const { folder, runId } = makeRun();
    const { ended } = startShim(folder, runId, { outcome: 'never', ignoresTerm: true });
    await untilThere(folder, 'status.json');
    rmSync(folder.path, { recursive: true });
    if (replaces) {
      mkdirSync(folder.path);
      writeFileSync(folder.at('run.json'), '{}');
    }
    await ended;
    expect(fixture.isAlive(runId)).toBe(false);
    expect(replaces ? readdirSync(folder.path) : folder.exists()).toEqual(
      replaces ? ['run.json'] : false,
    );
  }
});

test('says that the trainer cannot be started', async () => {
  const { folder, runId } = makeRun({ command: '/nowhere/python' });
  await startShim(folder, runId).ended;
  expect(folder.readExit()).toMatchObject({ cause: 'unstartable', message: 'ENOENT' });
});

test('keeps the newest of a log that grows without end', async () => {
  const { folder, runId } = makeRun({ logBytes: 64 * 1024 });
  await startShim(folder, runId, { noise_bytes: 1_000_000, output: 'the end' }).ended;
  expect(folder.readLogTail(7)).toBe('the end');
  const sizes = ['log', 'log.1', 'log.2', 'log.3'].map((name) => statSync(folder.at(name)).size);
  for (const size of sizes) expect(size).toBeLessThanOrEqual(128 * 1024);
  expect(readdirSync(folder.path)).not.toContain('log.4');
});
