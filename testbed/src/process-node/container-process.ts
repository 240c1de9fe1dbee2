import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerLog } from './container-log.ts';

/** What the helper makes a container of; the fields are those of its own `container`. */
export interface ProcessSpec {
  readonly root: string;
  readonly mounts: readonly {
    readonly source: string;
    readonly target: string;
    readonly readOnly: boolean;
  }[];
  readonly traversable: readonly string[];
  readonly cgroups: readonly string[];
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly workingDir: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
}

export interface ProcessEnd {
  /** 128 and the signal's number for one that a signal ended, as in a container's status. */
  readonly exitCode: number;
  /** Why no process could be started at all. */
  readonly startError?: string;
}

/** The first process of a container and all that come of it. */
export class ContainerProcess {
  readonly ended: Promise<ProcessEnd>;
  readonly #outer: ChildProcess;

  private constructor(outer: ChildProcess, log: ContainerLog, errorFile: string) {
    this.#outer = outer;
    for (const stream of ['stdout', 'stderr'] as const) {
      outer[stream]?.setEncoding('utf8').on('data', (chunk: string) => log.write(stream, chunk));
    }
    // Not at the exit: what it wrote last may still have to be read.
    this.ended = once(outer, 'close').then(async ([code, signal]) => {
      log.end();
      const exitCode: number = code ?? 128 + constants.signals[signal as NodeJS.Signals];
      const startError = await readFile(errorFile, 'utf8').catch(() => '');
      return { exitCode, ...(startError !== '' && { startError }) };
    });
  }

  /** Starts it in the namespaces that `podPid` holds; `folder` is for files of this run alone. */
  static async start(
    helper: string,
    podPid: number,
    folder: string,
    spec: ProcessSpec,
    log: ContainerLog,
  ): Promise<ContainerProcess> {
    const specFile = join(folder, 'container.json');
    const errorFile = join(folder, 'start-error');
    await writeFile(specFile, JSON.stringify(spec), { mode: 0o600 });
    const enter = ['/usr/bin/nsenter', `--target=${podPid}`, '--mount', '--net', '--ipc', '--uts'];
    const become = [helper, 'container', specFile, errorFile];
    const command = ['run', String(process.pid), ...enter, '--', ...become];
    const outer = spawn(helper, command, { stdio: ['ignore', 'pipe', 'pipe'], env: {} });
    return new ContainerProcess(outer, log, errorFile);
  }

  /** Sends a signal to the first process. One that does not handle it is not ended by it, except by SIGKILL. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    for (;;) {
      const inner = await this.#findFirst();
      if (inner !== undefined) return signalProcess(inner, signal);
      if (this.#outer.exitCode !== null || this.#outer.signalCode !== null) return;
      // It is being started.
      await sleep(10);
    }
  }

  /** Sends a signal to every process there is now; SIGSTOP leaves the container standing still. */
  async killAll(signal: NodeJS.Signals): Promise<void> {
    const first = await this.#findFirst();
    if (first === undefined) return;
    for (const pid of [first, ...(await findDescendants(first))]) signalProcess(pid, signal);
  }

  async #findFirst(): Promise<number | undefined> {
    const { pid } = this.#outer;
    return pid === undefined ? undefined : (await findChildren(pid))[0];
  }
}

async function findDescendants(pid: number): Promise<number[]> {
  const children = await findChildren(pid);
  const below = await Promise.all(children.map(findDescendants));
  return [...children, ...below.flat()];
}

/** A process may be started by any thread of its parent. */
async function findChildren(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const texts = await Promise.all(
    threads.map((thread) =>
      readFile(`/proc/${pid}/task/${thread}/children`, 'utf8').catch(() => ''),
    ),
  );
  return texts.flatMap((text) => text.split(' ').filter(Boolean).map(Number));
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
