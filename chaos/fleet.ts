import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import type { Failpoint } from './failpoints.ts';

interface Replica {
  readonly process: ChildProcess;
  readonly url: string;
}

export interface FleetOptions {
  readonly backend: 'nemo' | 'meta' | 'hf-unsloth';
  /** One kubeconfig, so one ServiceAccount, for each replica. */
  readonly kubeconfigs: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly logDir: string;
}

/** A death of a replica; `failpoint` is the one it died at, if any was armed. */
export interface Death {
  readonly index: number;
  readonly failpoint: Failpoint | undefined;
}

/** Several replicas of one service as processes, which die and are replaced. */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #replicas = new Map<number, Replica>();
  #armed: Failpoint | undefined;
  #onDeath: ((death: Death) => void) | undefined;

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** URLs of the replicas that are alive. */
  get urls(): readonly string[] {
    return [...this.#replicas.values()].map(({ url }) => url);
  }

  /** Starts whatever replica is not alive and resolves when all listen. */
  async fill(): Promise<void> {
    const indexes = this.#options.kubeconfigs.keys();
    const missing = [...indexes].filter((index) => !this.#replicas.has(index));
    await Promise.all(missing.map((index) => this.#start(index)));
  }

  /** Lets the first replica that reaches `failpoint` die; resolves with its death. */
  async awaitDeathAt(failpoint: Failpoint, timeoutMs: number): Promise<Death | undefined> {
    const { promise, resolve } = Promise.withResolvers<Death | undefined>();
    const timer = setTimeout(() => resolve(undefined), timeoutMs);
    this.#onDeath = resolve;
    this.#arm(failpoint);
    const death = await promise;
    clearTimeout(timer);
    this.#arm(undefined);
    this.#onDeath = undefined;
    return death;
  }

  /** Kills one replica, or all of them; how many died. */
  async kill(index?: number): Promise<number> {
    const dying = [...this.#replicas].filter(([own]) => index === undefined || own === index);
    await Promise.all(
      dying.map(async ([own, { process }]) => {
        const exit = once(process, 'exit');
        process.kill('SIGKILL');
        await exit;
        this.#replicas.delete(own);
      }),
    );
    return dying.length;
  }

  /** Ends all replicas gracefully. */
  async close(): Promise<void> {
    const replicas = [...this.#replicas.values()];
    this.#replicas.clear();
    await Promise.all(
      replicas.map(async ({ process }) => {
        const exit = once(process, 'exit');
        process.kill('SIGTERM');
        await exit;
      }),
    );
  }

  async #start(index: number): Promise<void> {
    const { backend, kubeconfigs, env, logDir } = this.#options;
    const child = fork(join(import.meta.dirname, 'replica.ts'), [backend], {
      env: { PATH: process.env.PATH ?? '', ...env, KUBECONFIG: kubeconfigs[index] ?? '' },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const log = createWriteStream(join(logDir, `replica-${index}.log`), { flags: 'a' });
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    const exit = once(child, 'exit').then(() => undefined);
    const message = await Promise.race([once(child, 'message'), exit]);
    if (message === undefined) throw new Error(`replica ${index} did not start; see ${logDir}`);
    const [{ url }] = message as [{ url: string }];
    this.#replicas.set(index, { process: child, url });
    void exit.then(() => {
      this.#replicas.delete(index);
      this.#onDeath?.({ index, failpoint: this.#armed });
    });
    child.send({ armed: this.#armed });
  }

  #arm(failpoint: Failpoint | undefined): void {
    this.#armed = failpoint;
    for (const { process } of this.#replicas.values()) {
      if (process.connected) process.send({ armed: failpoint });
    }
  }
}
