import { randomInt } from 'node:crypto';
import { readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { findMarkedProcesses, identifyProcess, type LocalFixture } from '@trainer/common/testing';
import type { Machine } from './machine.ts';

/** What can be done to a machine. Those after `everything` need no process to be killed. */
export const FAULTS = [
  'service',
  'shim',
  'trainer',
  'everything',
  'pid of another',
  'machine restart',
  'folder removed',
  'records locked',
  'disk full',
] as const;
export type Fault = (typeof FAULTS)[number];

/** Longer than a write waits for a lock. */
const LOCK_MS = 6000;
const FULL_MS = 1500;

/** Does things to a machine, and remembers which runs it touched. */
export class Faults {
  readonly #fixture: LocalFixture;
  readonly #machine: Machine;
  /** Names of jobs whose run may have another end than was asked for. */
  readonly touched = new Set<string>();
  /** Names of jobs that were ended by taking their run's folder away. */
  readonly removed = new Set<string>();
  readonly counts = new Map<Fault, number>();

  constructor(fixture: LocalFixture, machine: Machine) {
    this.#fixture = fixture;
    this.#machine = machine;
  }

  /** Whether it could be done: some need a run. */
  async inflict(fault: Fault): Promise<boolean> {
    const runId = this.#pickRun();
    const needsRun = fault !== 'service' && fault !== 'records locked' && fault !== 'disk full';
    if (needsRun && runId === undefined) return false;
    await this.#act(fault, runId ?? '');
    this.counts.set(fault, (this.counts.get(fault) ?? 0) + 1);
    return true;
  }

  async #act(fault: Fault, runId: string): Promise<void> {
    switch (fault) {
      case 'service':
        return this.#machine.kill();
      case 'shim':
        return this.#killNamed(runId, 'run.json');
      case 'trainer':
        return this.#killNamed(runId, 'trainer.json');
      case 'everything':
        await this.#machine.kill();
        for (const run of this.#listRuns()) this.#killAll(run);
        return;
      case 'pid of another':
        return this.#replaceProcess(runId, { start: '1' });
      case 'machine restart':
        return this.#replaceProcess(runId, { boot: 'an earlier one' });
      case 'folder removed':
        this.#touch(runId, this.removed);
        rmSync(this.#fixture.runFolder(runId), { recursive: true, force: true });
        return;
      case 'records locked':
        return this.#lock();
      case 'disk full':
        return this.#fill();
    }
  }

  #listRuns(): string[] {
    return readdirSync(join(this.#fixture.stateDir, 'runs')).filter(
      (runId) => this.#fixture.readRunFile(runId, 'trainer.json') !== undefined,
    );
  }

  #pickRun(): string | undefined {
    const live = this.#listRuns().filter(
      (runId) =>
        this.#fixture.readRunFile(runId, 'exit.json') === undefined &&
        // Ours stands there after `#replaceProcess`: to kill that would end this process without a word.
        this.#fixture.readRunFile(runId, 'trainer.json')?.pid !== process.pid,
    );
    return live.length === 0 ? undefined : live[randomInt(live.length)];
  }

  #touch(runId: string, alike: Set<string> = this.touched): void {
    const name = this.#fixture.readRunFile(runId, 'order.json')?.name;
    if (name === undefined) return;
    this.touched.add(name);
    alike.add(name);
  }

  #killNamed(runId: string, file: 'run.json' | 'trainer.json'): void {
    const facts = this.#fixture.readRunFile(runId, file);
    const pid = (facts?.process ?? facts)?.pid;
    if (pid === undefined) return;
    this.#touch(runId);
    kill(pid);
  }

  #killAll(runId: string): void {
    this.#touch(runId);
    for (const pid of findMarkedProcesses(runId)) kill(pid);
  }

  /** As if the run's processes had ended while nobody looked and this process had got their pid. */
  async #replaceProcess(runId: string, changes: { start?: string; boot?: string }): Promise<void> {
    await this.#machine.kill();
    this.#killAll(runId);
    await this.#fixture.untilDead(runId);
    const facts = { ...identifyProcess(process.pid), ...changes };
    const known = this.#fixture.readRunFile(runId, 'run.json');
    const folder = this.#fixture.runFolder(runId);
    writeFileSync(join(folder, 'run.json'), JSON.stringify({ ...known, process: facts }));
    writeFileSync(join(folder, 'trainer.json'), JSON.stringify(facts));
  }

  async #lock(): Promise<void> {
    const other = new DatabaseSync(join(this.#fixture.stateDir, 'records.sqlite'), {
      timeout: 5000,
    });
    other.exec('BEGIN IMMEDIATE');
    await sleep(LOCK_MS);
    other.exec('ROLLBACK');
    other.close();
  }

  async #fill(): Promise<void> {
    const filler = join(this.#fixture.stateDir, 'filler');
    const { bavail, bsize } = statfsSync(this.#fixture.stateDir);
    try {
      writeFileSync(filler, Buffer.alloc(bavail * bsize + 1));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
    await sleep(FULL_MS);
    rmSync(filler);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
