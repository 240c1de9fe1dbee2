import {
  chmodSync,
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { ProcessFacts } from './process-facts.mjs';

/** What the shim is to run; it holds no credential. */
export interface RunOrder {
  readonly runId: string;
  readonly recordUid: string;
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Where the trainer is started. */
  readonly folder: string;
  readonly graceMs: number;
  readonly deadlineMs: number | undefined;
  readonly logBytes: number;
}

/** What the shim says of itself before it starts the trainer. */
export interface RunFacts {
  readonly process: ProcessFacts;
  readonly startedAtMs: number;
}

/** How a run ended; `cause` where it was not the trainer's own doing. */
export interface RunExit {
  readonly code: number | null;
  readonly signal: string | null;
  readonly cause?: RunExitCause;
  readonly message?: string;
  readonly endedAtMs: number;
}
export type RunExitCause =
  | 'stopped'
  | 'signalled'
  | 'deadline'
  | 'unstartable'
  | 'vanished'
  /** The shim is gone without a word. */
  | 'lost'
  /** It may not be started as it stands. */
  | 'refused';

const MAX_TEXT_BYTES = 64 * 1024;

/** The folder of one run: readable by its owner alone, and all that is known of the run's processes. */
export class RunFolder {
  readonly path: string;

  constructor(runsPath: string, runId: string) {
    this.path = join(runsPath, runId);
  }

  at(name: string): string {
    return join(this.path, name);
  }

  exists(): boolean {
    return existsSync(this.path);
  }

  create(order: RunOrder): void {
    mkdirSync(order.folder, { recursive: true, mode: 0o700 });
    chmodSync(this.path, 0o700);
    this.#write('order.json', order);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  /** Keeps shims from beginning in it; false when one has. */
  block(): boolean {
    if (!this.exists()) return true;
    const own = this.at('.blocked');
    writeFileSync(own, '{}', { mode: 0o600 });
    try {
      linkSync(own, this.at('run.json'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    return this.readFacts() === undefined;
  }

  readFacts(): RunFacts | undefined {
    const facts = this.#readJson('run.json') as Partial<RunFacts> | undefined;
    return facts?.process === undefined ? undefined : (facts as RunFacts);
  }

  readTrainer(): ProcessFacts | undefined {
    return this.#readJson('trainer.json') as ProcessFacts | undefined;
  }

  readExit(): RunExit | undefined {
    return this.#readJson('exit.json') as RunExit | undefined;
  }

  /** In place of a shim that cannot say it any more. */
  writeExit(exit: RunExit): void {
    this.#write('exit.json', exit);
  }

  /** Asks the shim to stop; the first request counts. */
  writeStop(graceMs: number): void {
    if (!existsSync(this.at('stop.json'))) this.#write('stop.json', { graceMs });
  }

  /** What the trainer last wrote of its progress; undefined while it is as it was `since`. */
  readStatus(since: number | undefined): { value: unknown; changedAtMs: number } | undefined {
    const changedAtMs = statSync(this.at('status.json'), { throwIfNoEntry: false })?.mtimeMs;
    if (changedAtMs === undefined || changedAtMs === since) return undefined;
    return { value: this.#readJson('status.json'), changedAtMs };
  }

  readTermination(): string {
    return this.#readText('termination') ?? '';
  }

  /** The end of the log. */
  readLogTail(bytes: number): string {
    const size = statSync(this.at('log'), { throwIfNoEntry: false })?.size ?? 0;
    return this.#readText('log', Math.max(0, size - bytes), bytes) ?? '';
  }

  #readJson(name: string): unknown {
    const text = this.#readText(name);
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text);
    } catch {
      return undefined;
    }
  }

  #readText(name: string, from = 0, maxBytes = MAX_TEXT_BYTES): string | undefined {
    let file: number | undefined;
    try {
      file = openSync(this.at(name), 'r');
      const buffer = Buffer.alloc(maxBytes);
      return buffer.toString('utf8', 0, readSync(file, buffer, 0, maxBytes, from));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    } finally {
      if (file !== undefined) closeSync(file);
    }
  }

  #write(name: string, value: unknown): void {
    const temporary = this.at(`.${name}-service`);
    writeFileSync(temporary, JSON.stringify(value), { mode: 0o600 });
    renameSync(temporary, this.at(name));
  }
}
