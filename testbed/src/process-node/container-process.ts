import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
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

  async #findFirst(): Promise<number | undefined> {
    const { pid } = this.#outer;
    const file = `/proc/${pid}/task/${pid}/children`;
    const children = await readFile(file, 'utf8').catch(() => '');
    const first = children.trim().split(' ')[0];
    return first ? Number(first) : undefined;
  }
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
