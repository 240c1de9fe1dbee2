import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';

/** One run of an npm command in a process group of its own, as a terminal would start it. */
export class NpmRun {
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  /** The exit code, once npm and all that has its output open have ended. */
  readonly ended: Promise<number | null>;

  constructor(args: string[], { cwd, env = {} }: { cwd: string; env?: Record<string, string> }) {
    this.#child = spawn('npm', args, {
      cwd,
      env: { ...outsideEnv(), ...env },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.on('data', (chunk) => {
      this.stdout += chunk;
    });
    this.#child.stderr?.on('data', (chunk) => {
      this.stderr += chunk;
    });
    this.ended = once(this.#child, 'close').then(([code]) => code);
  }

  /** Resolves when stdout holds the text; rejects with all output when npm ends before. */
  async untilStdoutHas(text: string): Promise<void> {
    const end = this.ended.then((code) => {
      throw new Error(`npm ended with ${code}:\n${this.stdout}\n${this.stderr}`);
    });
    end.catch(() => {});
    while (!this.stdout.includes(text)) {
      await Promise.race([once(this.#child.stdout as NodeJS.ReadableStream, 'data'), end]);
    }
  }

  /** The ids of all processes that descend from npm at this moment. */
  descendants(): number[] {
    const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .map((row) => row.trim().split(/\s+/).map(Number));
    const found = [this.#pid];
    for (const parent of found) {
      for (const [pid, ppid] of rows) if (pid !== undefined && ppid === parent) found.push(pid);
    }
    return found.slice(1);
  }

  /** What a terminal does on Ctrl-C: the whole group gets the signal. */
  signalGroup(signal: NodeJS.Signals): void {
    process.kill(-this.#pid, signal);
  }

  /** For the end of a test that failed half-way. */
  kill(): void {
    for (const pid of [...this.descendants(), this.#pid]) {
      if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    }
  }

  get #pid(): number {
    if (this.#child.pid === undefined) throw new Error('npm could not be started.');
    return this.#child.pid;
  }
}

/** Whether a process with this id runs; a zombie that nobody has waited for does not. */
export function isAlive(pid: number): boolean {
  try {
    const state = execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
    return !state.startsWith('Z');
  } catch {
    return false;
  }
}

/** The environment of a shell in which no npm script and no setting of ours is at work. */
function outsideEnv(): NodeJS.ProcessEnv {
  const inside =
    /^(npm_(lifecycle|package)_|VITEST|TRAINER_|(NODE_ENV|NODE_OPTIONS|HOST|PORT|LOG_LEVEL)$)/;
  const kept = Object.entries(process.env).filter(([name]) => !inside.test(name));
  const PATH = (process.env.PATH ?? '')
    .split(':')
    .filter((folder) => !folder.includes('node_modules'))
    .join(':');
  return { ...Object.fromEntries(kept), PATH };
}
