import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ComponentSpec {
  name: string;
  command: string[];
  cwd: string;
  env?: Record<string, string>;
  ready: () => Promise<boolean>;
}

/** One process of the test bed. Stopping and starting it keeps its ports and data. */
export class Component {
  readonly name: string;
  readonly logFile: string;
  /** Called when the process ends without having been told to. */
  onDeath: (message: string) => void = () => {};
  readonly #spec: ComponentSpec;
  readonly #helper: string;
  #child: ChildProcess | undefined;
  #stopping = false;

  constructor(spec: ComponentSpec, helper: string, logFile: string) {
    this.name = spec.name;
    this.#spec = spec;
    this.#helper = helper;
    this.logFile = logFile;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get running(): boolean {
    return this.#child !== undefined && !hasEnded(this.#child);
  }

  /** Starts the process and waits until it says that it is healthy. */
  async start(timeoutMs = 120_000): Promise<void> {
    if (this.running) return;
    this.#stopping = false;
    const child = this.#spawn();
    this.#child = child;
    const deadline = Date.now() + timeoutMs;
    while (!(await this.#spec.ready())) {
      if (hasEnded(child)) throw new Error(await this.#obituary(child));
      if (Date.now() > deadline)
        throw new Error(await this.#logEnd(`${this.name} was not healthy in ${timeoutMs} ms`));
      await sleep(40);
    }
  }

  /** Ends the process; one that ignores the signal for `timeoutMs` is killed. */
  async stop({ signal = 'SIGTERM' as NodeJS.Signals, timeoutMs = 5_000 } = {}): Promise<void> {
    const child = this.#child;
    if (!child || hasEnded(child)) return;
    this.#stopping = true;
    const ended = once(child, 'exit');
    child.kill(signal);
    const killer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    await ended;
    clearTimeout(killer);
  }

  /** Freezes the process: its connections stay open and answer nothing. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  #spawn(): ChildProcess {
    const { command, cwd, env } = this.#spec;
    const log = openSync(this.logFile, 'a');
    const child = spawn(this.#helper, ['run', String(process.pid), ...command], {
      cwd,
      env: { PATH: process.env.PATH, HOME: cwd, ...env },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    child.on('exit', () => {
      if (!this.#stopping) void this.#obituary(child).then(this.onDeath);
    });
    return child;
  }

  #obituary(child: ChildProcess): Promise<string> {
    return this.#logEnd(`${this.name} ended (${child.signalCode ?? child.exitCode})`);
  }

  /** The log itself may be gone by the time that somebody reads this. */
  async #logEnd(what: string): Promise<string> {
    const tail = (await readFile(this.logFile, 'utf8')).trim().split('\n').slice(-8).join('\n');
    return `${what}; the end of ${this.logFile}:\n${tail}`;
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
