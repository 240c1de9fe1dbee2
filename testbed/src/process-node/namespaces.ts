import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Namespaces that a process of ours keeps open: the kernel takes them, and what is mounted or
 * connected in them, as soon as it or this process is gone, however that went.
 */
export class Namespaces {
  readonly #keeper: ChildProcess;

  private constructor(keeper: ChildProcess) {
    this.#keeper = keeper;
  }

  /** `script` is run in the new namespaces by a shell, with `args`, before they are handed out. */
  static async open(
    helper: string,
    kinds: readonly ('net' | 'mount' | 'ipc' | 'uts')[],
    script: string,
    ...args: string[]
  ): Promise<Namespaces> {
    const unshare = ['/usr/bin/unshare', ...kinds.map((kind) => `--${kind}`)];
    const shell = ['/bin/sh', '-euc', `${script}\necho ready; exec sleep infinity`, 'sh', ...args];
    const command = [...unshare, ...shell];
    const keeper = spawn(helper, ['run', String(process.pid), ...command], {
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let complaint = '';
    keeper.stderr.on('data', (chunk) => {
      complaint += chunk;
    });
    const ended = once(keeper, 'exit').then(() => 'ended' as const);
    const first = await Promise.race([once(keeper.stdout, 'data'), ended]);
    if (first === 'ended') throw new Error(`no namespaces could be made: ${complaint.trim()}`);
    return new Namespaces(keeper);
  }

  /** Process id by which others enter the namespaces. */
  get pid(): number {
    return this.#keeper.pid ?? 0;
  }

  async close(): Promise<void> {
    if (this.#keeper.exitCode !== null || this.#keeper.signalCode !== null) return;
    const ended = once(this.#keeper, 'exit');
    this.#keeper.kill('SIGKILL');
    await ended;
  }
}
