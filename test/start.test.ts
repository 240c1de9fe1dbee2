import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { platform } from 'node:process';
import { promisify } from 'node:util';
import { LocalFixture } from '@trainer/common/testing';
import { services } from '@trainer/services';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { makeCleanCopy } from './clean-copy.ts';
import { isAlive, NpmRun } from './npm-run.ts';

// All of 127.0.0.0/8 is this machine on Linux, so that others may have the fixed ports elsewhere.
const HOST = platform === 'linux' ? '127.81.82.83' : '127.0.0.1';
const SERVICES = services.map(({ name, port }) => ({ name, port, url: `http://${HOST}:${port}` }));
const TOKEN = 'a-token-that-nobody-may-see';
const ALL_READY = 'Ctrl-C stops.';

let copy: Awaited<ReturnType<typeof makeCleanCopy>>;
const runs: NpmRun[] = [];

beforeAll(async () => {
  copy = await makeCleanCopy();
});
afterEach(async () => {
  for (const run of runs.splice(0)) {
    run.kill();
    await run.ended;
  }
});
afterAll(() => copy[Symbol.asyncDispose]());

function npmStart(args: string[], env: Record<string, string> = {}): NpmRun {
  const run = new NpmRun(['start', '--', ...args], { cwd: copy.folder, env: { HOST, ...env } });
  runs.push(run);
  return run;
}

/** Listens on a port of the host, a free one for 0, until it is disposed of. */
async function occupyPort(port: number): Promise<AsyncDisposable & { port: number }> {
  const server = createServer((socket) => socket.destroy()).listen(port, HOST);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('No TCP address.');
  return {
    port: address.port,
    [Symbol.asyncDispose]: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}

async function freePort(): Promise<string> {
  await using taken = await occupyPort(0);
  return String(taken.port);
}

async function answersHealth(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/healthz`, { headers: { connection: 'close' } });
    return response.ok && (await response.text()) === '{"status":"ok"}';
  } catch {
    return false;
  }
}

/** What a program under npm wrote to stderr, without npm's own lines and the one about installing. */
const sentencesOf = (run: NpmRun) =>
  run.stderr.split('\n').filter((line) => line && !/^(npm |Installing )/.test(line));

test('npm start in a clean copy brings up all services, and Ctrl-C ends them', async () => {
  const run = npmStart([], { PORT: '9999', TRAINER_API_TOKEN: TOKEN });
  await run.untilStdoutHas(ALL_READY);

  for (const { name, url } of SERVICES) {
    expect(await answersHealth(url)).toBe(true);
    expect(run.stdout).toContain(
      `${name} is ready on ${url} (docs: docs/USAGE.md and ${url}/docs)`,
    );
  }
  expect(sentencesOf(run)).toEqual([expect.stringMatching(/^PORT is ignored/)]);

  const curls = run.stdout.split('\n').filter((line) => line.startsWith('  curl '));
  expect(curls).toHaveLength(SERVICES.length);
  for (const curl of curls) {
    expect(curl).toContain('-H "X-TRAINER-TOKEN: $TRAINER_API_TOKEN"');
    const { stdout } = await promisify(execFile)('sh', ['-c', curl], {
      cwd: copy.folder,
      env: { ...process.env, TRAINER_API_TOKEN: TOKEN },
    });
    expect(JSON.parse(stdout)).toMatchObject({ status: 'submitted' });
  }

  const descendants = run.descendants();
  expect(descendants.length).toBeGreaterThanOrEqual(SERVICES.length + 1);
  run.signalGroup('SIGINT');
  await run.ended;
  expect(descendants.filter(isAlive)).toEqual([]);
  for (const { url } of SERVICES) expect(await answersHealth(url)).toBe(false);
  expect(run.stdout + run.stderr).not.toContain(TOKEN);
}, 180_000);

test('SIGTERM ends all, too', async () => {
  const run = npmStart([]);
  await run.untilStdoutHas(ALL_READY);
  expect(run.stdout).not.toContain('X-TRAINER-TOKEN');

  const descendants = run.descendants();
  run.signalGroup('SIGTERM');
  await run.ended;
  expect(descendants.filter(isAlive)).toEqual([]);
}, 60_000);

test('a service ends even when what started it is killed', async () => {
  const run = npmStart(['meta'], { PORT: await freePort() });
  await run.untilStdoutHas(ALL_READY);

  run.signalGroup('SIGKILL');
  // Its output closes only once the service has ended.
  await run.ended;
}, 60_000);

test('npm start -- NAME runs one service alone, on PORT', async () => {
  const PORT = await freePort();
  const run = npmStart(['hf-unsloth'], { PORT });
  await run.untilStdoutHas(ALL_READY);

  expect(await answersHealth(`http://${HOST}:${PORT}`)).toBe(true);
  expect(run.stdout).toContain(`hf-unsloth is ready on http://${HOST}:${PORT}`);
  expect(run.stdout).not.toContain('nemo is ready');
  expect(sentencesOf(run)).toEqual([]);
}, 60_000);

test('an unknown service is refused in one sentence', async () => {
  const run = npmStart(['nemoo']);
  expect(await run.ended).toBe(2);
  expect(sentencesOf(run)).toEqual(["There is no service 'nemoo': use nemo, meta, hf-unsloth."]);
}, 60_000);

test('a taken port is told in one sentence, and the other services end', async () => {
  await using taken = await occupyPort(8082);
  const run = npmStart([]);
  expect(await run.ended).toBe(1);
  expect(sentencesOf(run)).toEqual([expect.stringContaining(String(taken.port))]);
  expect(run.stdout).not.toContain('is ready');
  for (const { url } of SERVICES) expect(await answersHealth(url)).toBe(false);
}, 60_000);

test('a bad setting is told in one sentence that names it', async () => {
  const run = npmStart(['nemo'], {
    PORT: await freePort(),
    TRAINER_CALLBACK_INTERVAL_SECONDS: 'often',
  });
  expect(await run.ended).toBe(1);
  expect(sentencesOf(run)).toEqual([expect.stringContaining('TRAINER_CALLBACK_INTERVAL_SECONDS')]);
}, 60_000);

test('npm start -- --runner local prepares the local runner, and tells what jobs may use', async () => {
  await using fixture = await LocalFixture.create();
  const { TRAINER_JOB_RUNNER, TRAINER_LOCAL_ROOTS, ...settings } = fixture.env;
  const PORT = await freePort();
  const run = npmStart(['--runner', 'local', 'hf-unsloth'], { PORT, ...settings });
  await run.untilStdoutHas(ALL_READY);
  const root = join(copy.folder, 'training');
  expect(run.stdout).toContain(`Jobs may use what lies below ${root}.`);

  const body = fixture.makeBody(
    'first',
    {},
    {
      datasets: [{ source: join(root, 'rows.jsonl'), format: 'jsonl' }],
      artifacts: { log_uri: join(root, 'logs'), output_uri: join(root, 'results') },
    },
  );
  const answer = await fetch(`http://${HOST}:${PORT}/train`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify(body),
  });
  expect(await answer.json()).toMatchObject({ metadata: { job_spec: { runner: 'local' } } });
}, 60_000);

test('an unknown runner is refused in one sentence', async () => {
  const run = npmStart(['--runner', 'here']);
  expect(await run.ended).toBe(2);
  expect(sentencesOf(run)).toEqual(["There is no runner 'here': use mock, local, kubernetes."]);
}, 60_000);
