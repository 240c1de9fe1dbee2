import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { prepareLocalRunner } from './prepare-local-runner.mjs';

let folder: string;
let stateDir: string;
let said: string[];
let installed: string[];
const say = (line: string) => void said.push(line);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prepare-local-'));
  stateDir = join(folder, 'state');
  said = [];
  installed = [];
});
afterEach(() => rm(folder, { recursive: true }));

/** Programs that say they are Pythons: each ends with the status of its name. */
async function makePath(statuses: Record<string, number>): Promise<string> {
  const bin = join(folder, 'bin');
  await mkdir(bin, { recursive: true });
  for (const [name, status] of Object.entries(statuses)) {
    await writeFile(join(bin, name), `#!/bin/sh\nexit ${status}\n`);
    await chmod(join(bin, name), 0o755);
  }
  return bin;
}

/** Stands in for runtime/install. */
async function install(target: string, python: string): Promise<void> {
  installed.push(python);
  await mkdir(join(target, 'bin'), { recursive: true });
  await writeFile(join(target, 'bin', 'python'), '');
}

async function makeEnv(statuses: Record<string, number>): Promise<Record<string, string>> {
  return {
    PATH: await makePath(statuses),
    TRAINER_LOCAL_STATE_DIR: stateDir,
    TRAINER_LOCAL_ROOTS: folder,
  };
}

test('a Python environment is made once, from the first Python that is new enough', async () => {
  const env = await makeEnv({ python3: 1, 'python3.12': 0 });
  const python = join(stateDir, 'python', 'bin', 'python');
  const settings = {
    TRAINER_JOB_RUNNER: 'local',
    TRAINER_LOCAL_ROOTS: folder,
    TRAINER_LOCAL_PYTHON: python,
  };

  // Two at once, as when services are started one by one.
  const both = await Promise.all(
    [1, 2].map(() => prepareLocalRunner(env, { say, install }) as Promise<unknown>),
  );
  expect(both).toEqual([settings, settings]);
  expect(await prepareLocalRunner(env, { say, install })).toEqual(settings);

  expect(installed).toEqual(['python3.12']);
  expect(said.filter((line) => line.includes('to load'))).toEqual([
    expect.stringContaining(join(stateDir, 'python')),
  ]);
  expect(said).toContain(`Jobs may use what lies below ${folder}.`);
});

test('what was interrupted, or made from another lock, is made anew', async () => {
  const env = await makeEnv({ python3: 0 });
  const fail = async (target: string, python: string) => {
    await install(target, python);
    throw new Error('interrupted');
  };
  await expect(prepareLocalRunner(env, { say, install: fail })).rejects.toThrow('interrupted');
  await prepareLocalRunner(env, { say, install });
  expect(installed).toHaveLength(2);

  const stamp = join(stateDir, 'python', 'made-of');
  expect(await readFile(stamp, 'utf8')).toMatch(/^[0-9a-f]{64}$/);
  await writeFile(stamp, 'of an earlier lock');
  await prepareLocalRunner(env, { say, install });
  expect(installed).toHaveLength(3);
});

test('an environment of one’s own is taken as it is', async () => {
  const env = { ...(await makeEnv({})), TRAINER_LOCAL_PYTHON: '/opt/own/bin/python' };
  expect(await prepareLocalRunner(env, { say, install })).toMatchObject({
    TRAINER_LOCAL_PYTHON: '/opt/own/bin/python',
  });
  expect(installed).toEqual([]);
});

test('without a Python that is new enough, one sentence says what to do', async () => {
  const env = await makeEnv({ python3: 1, 'python3.11': 1 });
  await expect(prepareLocalRunner(env, { say, install })).rejects.toMatchObject({
    exitCode: 1,
    message: expect.stringMatching(/^The local runner .* Python 3\.11 or newer .*\.$/),
  });
  expect(said).toEqual([]);
});
