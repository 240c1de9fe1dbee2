import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findFreePort, isHealthy, type MeasuredProcess, type Usage } from './child.ts';

const FOLDER = fileURLToPath(new URL('peers', import.meta.url));
const POLL_MS = 20;
/** The kernel counts processor time in these, see proc_pid_stat(5). */
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;
const run = promisify(execFile);

/** A Python server of `peers/` in a process of its own; dispose of it. Linux only. */
export class PeerProcess implements MeasuredProcess {
  readonly url: string;
  readonly #process: ChildProcess;

  private constructor(url: string, process: ChildProcess) {
    this.url = url;
    this.#process = process;
  }

  /** Runs `script` of `peers/` with a free PORT until it answers `GET /healthz`. */
  static async start(script: string): Promise<PeerProcess> {
    const python = await installPeers();
    const port = await findFreePort();
    const child = spawn(python, [join(FOLDER, script)], {
      env: { PATH: process.env.PATH, PORT: String(port), PYTHONDONTWRITEBYTECODE: '1' },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const url = `http://127.0.0.1:${port}`;
    while (!(await isHealthy(url))) {
      if (child.exitCode !== null) throw new Error(`${script} ended with ${child.exitCode}.`);
      await delay(POLL_MS);
    }
    return new PeerProcess(url, child);
  }

  async usage(): Promise<Usage> {
    const stat = await readFile(`/proc/${this.#process.pid}/stat`, 'utf8');
    // What stands before the last parenthesis is the program's name, which may hold blanks.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [user, system, pages] = [fields[11], fields[12], fields[21]].map(Number);
    const ticks = (user ?? Number.NaN) + (system ?? Number.NaN);
    const rssBytes = (pages ?? Number.NaN) * PAGE_BYTES;
    return { cpuMs: (ticks / TICKS_PER_SECOND) * 1000, rssBytes, heapBytes: Number.NaN };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#process, 'close');
    this.#process.kill('SIGTERM');
    await closed;
  }
}

/** Installs what the peers need, once for each version of their requirements; the interpreter. */
async function installPeers(): Promise<string> {
  const requirements = join(FOLDER, 'requirements.txt');
  const hash = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex');
  const folder = join(tmpdir(), `trainer-bench-peers-${hash.slice(0, 12)}`);
  const python = join(folder, 'bin/python');
  if (existsSync(python)) return python;
  const fresh = `${folder}-${process.pid}`;
  await run('python3', ['-m', 'venv', '--copies', fresh]);
  await run(join(fresh, 'bin/python'), ['-m', 'pip', 'install', '-q', '-r', requirements]);
  await rename(fresh, folder);
  return python;
}
