import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { root } from './project-paths.mjs';

const GRACE_MS = 30_000;
// A terminal signals npm and us, and npm passes its own on: both are one press of Ctrl-C.
const SAME_KEYPRESS_MS = 500;
const PARENT_POLL_MS = 250;
const OWN_GROUP = process.platform !== 'win32';
const END_WITH_PARENT = new URL('./end-with-parent.mjs', import.meta.url).href;

/**
 * Runs a program, mostly Node, with different arguments, and ends all of them when this process is asked to stop: one SIGTERM each, then
 * SIGKILL on a second Ctrl-C or after 30 seconds. Each child leads a process group of its own,
 * since a terminal's Ctrl-C goes to a whole group and would reach the children twice.
 */
export class Supervisor {
  #program;
  #children = new Set();
  #beforeStop;
  #stopping = false;
  #askedAt;

  /** `beforeStop` is awaited before the children are asked to end; it must settle by itself. */
  constructor(program, { beforeStop = async () => {} } = {}) {
    this.#program = program;
    this.#beforeStop = beforeStop;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      process.on(signal, () => this.#onSignal());
    }
    if (process.env.npm_lifecycle_event) this.#endWithNpm();
  }

  /** Whether the user, not a child's end, asked to stop. */
  get stopAsked() {
    return this.#askedAt !== undefined;
  }

  /** Starts a short-lived tool, known by its process group alone. */
  startTool(args, { cwd = root, env = process.env } = {}) {
    return this.#start(args, { cwd, env, stdio: ['ignore', 'inherit', 'inherit'] });
  }

  /** Starts a program of this repository, which ends with this process even if that is killed. */
  startProgram(args, { env = process.env, stderr = 'inherit' } = {}) {
    return this.#start(['--import', END_WITH_PARENT, ...args], {
      cwd: root,
      env: { ...env, TRAINER_RUN_PID: String(process.pid) },
      stdio: ['ignore', 'inherit', stderr, 'ipc'],
    });
  }

  /** Asks every child to end; a second call changes nothing. */
  stop() {
    if (this.#stopping) return;
    this.#stopping = true;
    void this.#beforeStop().finally(() => {
      for (const child of this.#children) child.kill('SIGTERM');
    });
    setTimeout(() => this.#kill(), GRACE_MS).unref();
  }

  /** A child's promise `ended` gives its exit code, which for a signal is 128 and its number. */
  #start(args, options) {
    const child = spawn(this.#program, args, { ...options, detached: OWN_GROUP });
    this.#children.add(child);
    child.ended = new Promise((resolve) => {
      child.once('error', (error) => {
        console.error(error.message);
        resolve(1);
      });
      child.once('close', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
    }).finally(() => this.#children.delete(child));
    if (this.#stopping) child.kill('SIGTERM');
    return child;
  }

  #onSignal() {
    const now = Date.now();
    this.#askedAt ??= now;
    if (now - this.#askedAt > SAME_KEYPRESS_MS) this.#kill();
    else this.stop();
  }

  // A SIGTERM to npm alone ends npm and its shell, which does not pass it on, and no event tells.
  #endWithNpm() {
    const parent = process.ppid;
    const poll = setInterval(() => {
      if (process.ppid === parent) return;
      clearInterval(poll);
      this.#onSignal();
    }, PARENT_POLL_MS).unref();
  }

  #kill() {
    for (const { pid } of this.#children) {
      try {
        if (pid !== undefined) process.kill(OWN_GROUP ? -pid : pid, 'SIGKILL');
      } catch (error) {
        if (error.code !== 'ESRCH') throw error;
      }
    }
  }
}
