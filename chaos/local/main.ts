import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { findMarkedProcesses, LocalFixture, startWebhookReceiver } from '@trainer/common/testing';
import { FAULTS, type Fault, Faults } from './faults.ts';
import { Machine } from './machine.ts';

/*
 * Kills every part of the local runner while jobs come in, and then counts what was lost, run twice,
 * left over or told wrongly. The trainer is a stand-in that trains nothing.
 */
const { values } = parseArgs({ options: { kills: { type: 'string', default: '100' } } });
const kills = Number(values.kills);
const TERMINAL = ['succeeded', 'failed', 'cancelled'];
/** Of the disk that is filled, where this process may make one. */
const DISK = 'size=64m';
const SETTLE_MS = 120_000;

interface Asked {
  readonly jobId: string;
  readonly wanted: 'succeeded' | 'failed';
  /** Its `backend_job_id`. */
  name: string;
}

await using fixture = await LocalFixture.create();
const hasDisk = mountDisk();
const receiver = await startWebhookReceiver();
const machine = new Machine(fixture, 'hf-unsloth');
const faults = new Faults(fixture, machine);
const starts = join(fixture.root, 'starts');
const accepted: Asked[] = [];
let count = 0;

await machine.start();
const began = performance.now();
let done = 0;
while (done < kills) {
  await machine.start();
  const fault = FAULTS[done % FAULTS.length] as Fault;
  if (fault === 'disk full' && !hasDisk) {
    done += 1;
    continue;
  }
  const submitting = submitSome(1 + randomInt(3));
  await sleep(randomInt(600));
  if (await faults.inflict(fault)) done += 1;
  await submitting;
}
await machine.start();
await settle();
const verdict = judge();
report();
await machine.kill();
await receiver.close();
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

async function submitSome(jobs: number): Promise<void> {
  for (let index = 0; index < jobs; index += 1) {
    const wanted = randomInt(4) === 0 ? 'failed' : 'succeeded';
    const asked: Asked = { jobId: `job-${count++}`, wanted, name: '' };
    const standIn = { outcome: wanted, run_ms: randomInt(1500), record_start: starts };
    const body = fixture.makeBody(asked.jobId, standIn, {
      callbacks: { webhook_url: receiver.url },
    });
    await submit(asked, body);
  }
}

/** Repeats a POST as a client that retries does, until it is answered or the service is away for good. */
async function submit(asked: Asked, body: unknown): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    try {
      if (machine.url !== undefined) {
        const answer = await fetch(`${machine.url}/train`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        });
        if (answer.status === 200) {
          asked.name = ((await answer.json()) as { backend_job_id: string }).backend_job_id;
          accepted.push(asked);
          return;
        }
        if (answer.status !== 503) throw new Error(`${answer.status} ${await answer.text()}`);
      }
    } catch (error) {
      // Only what a killed service leaves behind is tried again.
      if (!(error instanceof TypeError)) throw error;
    }
    await machine.start();
    await sleep(100);
  }
  throw new Error(`${asked.jobId} was never answered`);
}

function finalsOf(jobId: string) {
  return receiver.requests.filter(
    ({ json }) => json.job_id === jobId && TERMINAL.includes(String(json.status)),
  );
}

async function settle(): Promise<void> {
  const untilMs = performance.now() + SETTLE_MS;
  const isOpen = ({ jobId }: Asked) => finalsOf(jobId).length === 0;
  while (accepted.some(isOpen) && performance.now() < untilMs) await sleep(100);
  // What was told last may still be on its way to being noted.
  await sleep(500);
}

function judge(): Record<string, string[]> {
  const started = existsSync(starts) ? readFileSync(starts, 'utf8').split('\n') : [];
  const runs = new Map<string, number>();
  for (const jobId of started) runs.set(jobId, (runs.get(jobId) ?? 0) + 1);
  const idsOf = (jobId: string) =>
    new Set(finalsOf(jobId).map(({ headers }) => headers['webhook-id']));
  const statusesOf = (jobId: string) => new Set(finalsOf(jobId).map(({ json }) => json.status));
  const pick = (isBad: (asked: Asked) => boolean) =>
    accepted.filter(isBad).map(({ jobId }) => jobId);
  return {
    lost: pick(({ jobId }) => finalsOf(jobId).length === 0),
    toldTwice: pick(({ jobId }) => idsOf(jobId).size > 1 || statusesOf(jobId).size > 1),
    runTwice: pick(({ jobId }) => (runs.get(jobId) ?? 0) > 1),
    wronglyEnded: pick(
      ({ jobId, wanted, name }) =>
        !faults.touched.has(name) && !statusesOf(jobId).has(wanted) && finalsOf(jobId).length > 0,
    ).map((jobId) => `${jobId}: ${finalsOf(jobId)[0]?.json.detail}`),
    succeededWithoutRun: pick(
      ({ jobId }) => statusesOf(jobId).has('succeeded') && !runs.has(jobId),
    ),
    leftOver: listLeftOver(),
  };
}

/** Ids of runs of this machine that still have a process. */
function listLeftOver(): string[] {
  const all = execFileSync('sh', ['-c', 'cat /proc/[0-9]*/environ 2>/dev/null || true'], {
    encoding: 'latin1',
    maxBuffer: 1 << 28,
  });
  // Another machine of the same kernel may be at work, such as a service of whoever runs this.
  const runs = new RegExp(`TRAINER_STATUS_FILE=${fixture.stateDir}/runs/([0-9a-f-]{36})/`, 'g');
  const ids = new Set([...all.matchAll(runs)].map(([, id = '']) => id));
  return [...ids].filter((id) => findMarkedProcesses(id).length > 0);
}

function report(): void {
  const seconds = Math.round((performance.now() - began) / 1000);
  const repeated = accepted.filter(({ jobId }) => finalsOf(jobId).length > 1).length;
  console.table(Object.fromEntries(FAULTS.map((fault) => [fault, faults.counts.get(fault) ?? 0])));
  if (!hasDisk) console.log('disk full: left out, since only root can make a small disk');
  const total = [...faults.counts.values()].reduce((sum, each) => sum + each, 0);
  console.log(
    `${total} faults in ${seconds} s; jobs: ${accepted.length}; ends repeated: ${repeated}`,
  );
  for (const [name, list] of Object.entries(verdict)) {
    console.log(
      `${name}: ${list.length}${list.length > 0 ? ` (${list.slice(0, 10).join(', ')})` : ''}`,
    );
    if (list.length > 0) process.exitCode = 1;
  }
}
