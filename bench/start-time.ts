import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { platform } from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { services } from '@trainer/services';
import { isHealthy } from './child.ts';
import { median, toTable, toText } from './table.ts';

// On Linux all of 127.0.0.0/8 is this machine, so that nobody else has the fixed ports there.
const HOST = platform === 'linux' ? '127.91.92.93' : '127.0.0.1';
const POLL_MS = 10;

/** From `npm start`, with everything installed, to services that all answer. */
export async function measureStart({ runs }: { runs: number }): Promise<string> {
  const seconds: number[] = [];
  for (let run = 0; run < runs; run += 1) seconds.push(await startOnce());
  const range = `${toText(Math.min(...seconds), 1)} to ${toText(Math.max(...seconds), 1)} s`;
  return toTable(
    ['npm start, warm', 'median', `${runs} runs`],
    [['to three healthy services', `${toText(median(seconds), 1)} s`, range]],
  );
}

async function startOnce(): Promise<number> {
  const began = performance.now();
  const npm = spawn('npm', ['start'], { env: toEnv(), stdio: 'ignore', detached: true });
  const ended = once(npm, 'close');
  try {
    await Promise.all(
      services.map(({ port }) => untilHealthy(`http://${HOST}:${port}`, () => npm.exitCode)),
    );
    return (performance.now() - began) / 1000;
  } finally {
    // As Ctrl-C in a terminal does, to npm and all that it started.
    if (npm.exitCode === null && npm.pid !== undefined) process.kill(-npm.pid, 'SIGINT');
    await ended;
  }
}

async function untilHealthy(url: string, exitCode: () => number | null): Promise<void> {
  while (!(await isHealthy(url))) {
    if (exitCode() !== null) throw new Error(`npm start ended with ${exitCode()}.`);
    await delay(POLL_MS);
  }
}

/** Without the variables of the npm script that runs this. */
function toEnv(): NodeJS.ProcessEnv {
  const outside = Object.entries(process.env).filter(
    ([name]) => !/^npm_(lifecycle|package)_/.test(name),
  );
  return { ...Object.fromEntries(outside), HOST, LOG_LEVEL: 'warn' };
}
