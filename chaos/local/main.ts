import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { LocalFixture } from '@trainer/common/testing';
import { addressesOf, mayBeDropped } from '../job.ts';
import { Receivers } from '../receivers.ts';
import { RetryingClient } from '../retrying-client.ts';
import { describeSteered } from '../steering-verdict.ts';
import { isTold } from '../verdict.ts';
import { FAULTS, type Fault, Faults } from './faults.ts';
import { Machine } from './machine.ts';
import { judge } from './verdict.ts';
import { LocalWorkload } from './workload.ts';

/*
 * Kills every part of the local runner while jobs come in, are cancelled, called elsewhere,
 * run again and forgotten, and then counts what was lost, run twice, left over or told wrongly. The trainer is a
 * stand-in that trains nothing.
 */
const { values } = parseArgs({ options: { kills: { type: 'string', default: '99' } } });
const kills = Number(values.kills);
/** Of the disk that is filled, where this process may make one. */
const DISK = 'size=64m';
const SETTLE_MS = 120_000;
/** How long the folder of a run may take to go after its job. */
const VANISHING_MS = 15_000;

await using fixture = await LocalFixture.create();
const hasDisk = mountDisk();
const receivers = await Receivers.start(['well', 'unhurried']);
const machine = new Machine(fixture, 'hf-unsloth');
const faults = new Faults(fixture, machine);
const starts = join(fixture.root, 'starts');
const client = new RetryingClient(machine);
const checkpoints = {
  of: (jobId: string) => `${fixture.root}/results/${jobId}/checkpoints/checkpoint-4`,
  elsewhere: (jobId: string) => {
    return { artifacts: { output_uri: `${fixture.root}/elsewhere/${jobId}` } };
  },
};
const audit = { listLeft };
const parts = { client, receivers, fixture, starts, audit, checkpoints, paceMs: 1500 };
const workload = new LocalWorkload(parts);
const { accepted, steering } = workload;

await machine.start();
const began = performance.now();
let done = 0;
while (done < kills) {
  const fault = FAULTS[done % FAULTS.length] as Fault;
  if (fault === 'disk full' && !hasDisk) {
    done += 1;
    continue;
  }
  const submitting = workload.submitSome(1 + randomInt(3));
  await sleep(randomInt(600));
  if (await faults.inflict(fault)) done += 1;
  await machine.start();
  await submitting;
}
await workload.settle();
await settle();
const verdict = await judge({
  ...{ accepted, receivers, fixture, starts, touched: faults.touched },
  removed: faults.removed,
  ...{ keptThoughForgotten: steering.keptThoughForgotten, unanswered: steering.unanswered },
  familyWrong: steering.familyWrong,
  url: machine.urls[0] ?? '',
});
report();
await machine.kill();
await receivers.close();
if (hasDisk) execFileSync('umount', ['--lazy', fixture.stateDir]);

/** Makes the state folder a small disk of its own; whether it could. */
function mountDisk(): boolean {
  mkdirSync(fixture.stateDir, { recursive: true });
  if (process.getuid?.() !== 0 || process.platform !== 'linux') return false;
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', DISK, 'tmpfs', fixture.stateDir], {
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}

/** What is left of a job that was forgotten; its run has a moment to vanish. */
async function listLeft(name: string): Promise<readonly string[]> {
  const findFolders = () =>
    readdirSync(join(fixture.stateDir, 'runs')).filter(
      (runId) => fixture.readRunFile(runId, 'order.json')?.name === name,
    );
  const untilMs = performance.now() + VANISHING_MS;
  while (findFolders().length > 0 && performance.now() < untilMs) await sleep(100);
  return findFolders().map((runId) => `the folder of run ${runId}`);
}

async function settle(): Promise<void> {
  const untilMs = performance.now() + SETTLE_MS;
  const isOpen = () => accepted.some((job) => !isTold(job, receivers) && !mayBeDropped(job));
  while (isOpen() && performance.now() < untilMs) await sleep(100);
  // What was told last may still be on its way to being noted.
  await sleep(500);
}

function report(): void {
  const seconds = Math.round((performance.now() - began) / 1000);
  const ends = accepted.flatMap(addressesOf).map((address) => receivers.endsAt(address).length);
  const repeated = ends.filter((count) => count > 1).length;
  console.table(Object.fromEntries(FAULTS.map((fault) => [fault, faults.counts.get(fault) ?? 0])));
  if (!hasDisk) console.log('disk full: left out, since only root can make a small disk');
  const total = [...faults.counts.values()].reduce((sum, each) => sum + each, 0);
  console.log(
    `${total} faults in ${seconds} s; jobs: ${accepted.length}; ends repeated: ${repeated}`,
  );
  console.log(describeSteered(accepted));
  for (const [name, list] of Object.entries(verdict)) {
    console.log(
      `${name}: ${list.length}${list.length > 0 ? ` (${list.slice(0, 10).join(', ')})` : ''}`,
    );
    if (list.length > 0) process.exitCode = 1;
  }
}
