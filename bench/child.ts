import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { request } from 'undici';
import type { Usage } from './child-usage.ts';

const USAGE = new URL('child-usage.ts', import.meta.url).href;
const POLL_MS = 20;

/** A server in a process of its own, with this process's Node; dispose of it. */
export class Child implements AsyncDisposable {
  readonly url: string;
  readonly #process: ChildProcess;

  private constructor(url: string, process: ChildProcess) {
    this.url = url;
    this.#process = process;
  }

  /** Runs `script` (relative to this folder) with a free PORT until it answers `GET /healthz`. */
  static async start(script: string, env: Record<string, string> = {}): Promise<Child> {
    const port = await findFreePort();
    const path = fileURLToPath(new URL(script, import.meta.url));
    // What it logs is written and thrown away, as a fast log collector would have it.
    const child = spawn(process.execPath, ['--expose-gc', '--import', USAGE, path], {
      env: { PATH: process.env.PATH, ...env, HOST: '127.0.0.1', PORT: String(port) },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const url = `http://127.0.0.1:${port}`;
    while (!(await isHealthy(url))) {
      if (child.exitCode !== null) throw new Error(`${script} ended with ${child.exitCode}.`);
      await delay(POLL_MS);
    }
    return new Child(url, child);
  }

  async usage({ collectGarbage = false } = {}): Promise<Usage> {
    this.#process.send({ collectGarbage });
    const [usage] = await once(this.#process, 'message');
    return usage as Usage;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#process, 'close');
    this.#process.kill('SIGTERM');
    await closed;
  }
}

/** The Hugging Face + Unsloth service on the mock, as `npm start` runs it but for `env`. */
export function startService(env: Record<string, string> = {}): Promise<Child> {
  return Child.start('../services/hf-unsloth-api/src/server.ts', env);
}

export async function isHealthy(url: string): Promise<boolean> {
  try {
    const { statusCode, body } = await request(`${url}/healthz`, { reset: true });
    await body.dump();
    return statusCode === 200;
  } catch {
    return false;
  }
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('No TCP address.');
  return address.port;
}
