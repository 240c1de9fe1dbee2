import { spawn } from 'node:child_process';
import {
  fstatSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { identifyProcess, killMarkedProcesses, sendSignal } from './process-facts.mjs';
import { RunLog } from './run-log.mjs';

/*
 * Runs the trainer of one run and outlives the service that started it: keeps the deadline, takes
 * the order to stop, writes the log, and says at the end how it ended. `run-shim.mjs FOLDER`, where
 * order.json says what to run. Its environment is the trainer's.
 */
const [folder = ''] = process.argv.slice(2);
const at = (name) => join(folder, name);

/** Says to the service that no training was started; launch.ts knows it too. */
const NOT_BEGUN = 10;
const POLL_MS = 200;
const AGAIN_MS = 500;
/** How long output may still come from a pipe whose trainer has ended. */
const DRAIN_MS = 2000;
/** A process that a disk or a driver holds is not gone at once. */
const KILL_TIMEOUT_MS = 10_000;

// What the trainer writes is its owner's alone.
process.umask(0o077);
const order = readOrder();
/** Of run.json, held open so that no other file gets its inode. */
const claimed = order && claim();
if (claimed === undefined) process.exit(NOT_BEGUN);
await run();

/** Undefined when the run was given up before this process came to be. */
function readOrder() {
  try {
    return JSON.parse(readFileSync(at('order.json'), 'utf8'));
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  }
}

/** Makes run.json, whole and at most once: whoever comes second must not start the trainer again. */
function claim() {
  const own = at(`.run-${process.pid}`);
  const { runId, recordUid, name } = order;
  const facts = { runId, recordUid, name, process: identifyProcess(process.pid) };
  try {
    writeFileSync(own, JSON.stringify({ ...facts, startedAtMs: Date.now() }));
    const file = openSync(own);
    linkSync(own, at('run.json'));
    return file;
  } catch (error) {
    if (error.code !== 'EEXIST' && error.code !== 'ENOENT') throw error;
    return undefined;
  } finally {
    removeIfThere(own);
  }
}

async function run() {
  if (readStop() !== undefined) return finish({ cause: 'stopped' });
  const log = new RunLog(at('log'), order.logBytes);
  const began = performance.now();
  const trainer = spawn(order.command, order.args, {
    cwd: order.folder,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = new Promise((resolve) => trainer.once('close', resolve));
  const ended = new Promise((resolve) => {
    trainer.once('error', ({ code }) => resolve({ cause: 'unstartable', message: code }));
    trainer.once('exit', (code, signal) => resolve({ code, signal }));
  });
  for (const stream of [trainer.stdout, trainer.stderr]) {
    stream.on('data', (chunk) => log.append(chunk));
  }
  const group = trainer.pid;
  if (group !== undefined) write('trainer.json', identifyProcess(group));

  let cause;
  let killTimer;
  const kill = () => {
    if (group !== undefined) sendSignal(-group, 'SIGKILL');
    killMarkedProcesses(order.runId);
  };
  const stop = (why, graceMs) => {
    if (cause !== undefined) return;
    cause = why;
    if (group !== undefined) sendSignal(-group, 'SIGTERM');
    killTimer = setTimeout(kill, graceMs);
  };
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, () => stop('signalled', order.graceMs));
  }
  process.on('SIGHUP', () => {});
  const poll = setInterval(() => {
    if (!isOurs()) {
      cause = 'vanished';
      kill();
      return;
    }
    const asked = readStop();
    if (asked !== undefined) stop('stopped', asked.graceMs);
    else if (performance.now() - began >= (order.deadlineMs ?? Number.POSITIVE_INFINITY)) {
      stop('deadline', order.graceMs);
    }
  }, POLL_MS);

  const end = await ended;
  clearTimeout(killTimer);
  // Nothing of it may go on: neither its group nor workers that made sessions of their own.
  if (group !== undefined) sendSignal(-group, 'SIGKILL');
  const lastMs = performance.now() + KILL_TIMEOUT_MS;
  while (!killMarkedProcesses(order.runId) && performance.now() < lastMs) await delay(20);
  await Promise.race([closed, delay(end.cause === undefined ? DRAIN_MS : 0)]);
  clearInterval(poll);
  log.close();
  await finish({ cause, ...end });
}

/** Says how it ended, as soon as the disk takes it. */
async function finish(end) {
  const text = { code: null, signal: null, ...end, endedAtMs: Date.now() };
  while (isOurs() && !write('exit.json', text)) await delay(AGAIN_MS);
  process.exit(0);
}

/** Whether the folder still is the one that this process has claimed. */
function isOurs() {
  try {
    return statSync(at('run.json')).ino === fstatSync(claimed).ino;
  } catch (error) {
    return error.code !== 'ENOENT';
  }
}

function readStop() {
  try {
    return JSON.parse(readFileSync(at('stop.json'), 'utf8'));
  } catch {
    return undefined;
  }
}

/** Replaces a file as a whole; whether that succeeded. */
function write(name, value) {
  const temporary = at(`.${name}-${process.pid}`);
  try {
    writeFileSync(temporary, JSON.stringify(value));
    renameSync(temporary, at(name));
    return true;
  } catch {
    removeIfThere(temporary);
    return false;
  }
}

function removeIfThere(path) {
  try {
    unlinkSync(path);
  } catch {
    // It was never made, or its folder is gone.
  }
}
