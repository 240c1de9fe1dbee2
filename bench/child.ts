import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { request } from 'undici';
import { NODE_OPTIONS } from './image-settings.ts';

const POLL_MS = 20;

/** What one process has used; CPU since its start. */
export interface Usage {
  readonly cpuMs: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
}

export interface ChildOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** A module of this folder to load before the script. */
  readonly preload?: string;
}

/** A server in a process of its own, of which is known what it uses. */
export interface MeasuredProcess extends AsyncDisposable {
  readonly url: string;
  usage(): Promise<Usage>;
}

/** A server in a process of its own, with this process's Node; dispose of it. */
export class Child implements MeasuredProcess {
  readonly url: string;
  readonly #process: ChildProcess;

  private constructor(url: string, process: ChildProcess) {
    this.url = url;
    this.#process = process;
  }

  /** Runs `script` (relative to this folder) with a free PORT until it answers `GET /healthz`. */
  static async start(script: string, { env, preload }: ChildOptions = {}): Promise<Child> {
    const port = await findFreePort();
    const preloads = ['./child-usage.mjs', ...(preload === undefined ? [] : [preload])];
    const imports = preloads.flatMap((path) => ['--import', new URL(path, import.meta.url).href]);
    const path = fileURLToPath(new URL(script, import.meta.url));
    const child = spawn(process.execPath, ['--expose-gc', ...imports, path], {
      env: { PATH: process.env.PATH, ...env, HOST: '127.0.0.1', PORT: String(port) },
      // What it logs is written and thrown away, as if by a log collector that costs nothing.
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const url = `http://127.0.0.1:${port}`;
    while (!(await isHealthy(url))) {
      if (child.exitCode !== null) throw new Error(`${script} ended with ${child.exitCode}.`);
      await delay(POLL_MS);
    }
    return new Child(url, child);
  }

  usage({ collectGarbage = false } = {}): Promise<Usage> {
    return this.ask<Usage>({ ask: 'usage', collectGarbage });
  }

  /** Sends a message and resolves with the next one that comes back. */
  async ask<T>(message: object): Promise<T> {
    this.#process.send(message);
    const [answer] = await once(this.#process, 'message');
    return answer as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#process, 'close');
    this.#process.kill('SIGTERM');
    await closed;
  }
}

/** The Hugging Face + Unsloth service on the mock, without the limits that a load test would meet. */
export function startService({ env, ...options }: ChildOptions = {}): Promise<Child> {
  const unlimited = { TRAINER_RATE_LIMIT_PER_MINUTE: '0', TRAINER_MAX_JOBS: '10000000' };
  return Child.start('../services/hf-unsloth-api/src/server.ts', {
    ...options,
    env: { NODE_OPTIONS, ...unlimited, ...env },
  });
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

/** A port of loopback that nobody listens on. */
export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('No TCP address.');
  return address.port;
}
