import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import type { DeathMessage, Failpoint } from './failpoints.ts';
import type { EndMessage } from './open-ends.ts';
import type { ReadyMessage } from './replica.ts';

interface Replica {
  readonly process: ChildProcess;
  readonly url: string;
  readonly reportsUrl: string | undefined;
}

export interface FleetOptions {
  /** Name of the service. */
  readonly backend: string;
  /** One kubeconfig, so one ServiceAccount, for each replica. */
  readonly kubeconfigs: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly logDir: string;
}

/** A death of a replica; `failpoint` is the one it died at, if it was one. */
export interface Death {
  readonly index: number;
  readonly failpoint: Failpoint | undefined;
}

/** Several replicas of one service as processes, which die and are replaced. */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #replicas = new Map<number, Replica>();
  /** By the name of its job, how often an end was sent by a process that died before its note. */
  readonly cutShort = new Map<string, number>();
  /** Replicas that ended without anybody's doing. */
  readonly crashed: string[] = [];
  readonly #endedByUs = new WeakSet<ChildProcess>();
  #armed: readonly Failpoint[] = [];
  #onDeath: ((death: Death) => void) | undefined;

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** URLs of the replicas that are alive. */
  get urls(): readonly string[] {
    return [...this.#replicas.values()].map(({ url }) => url);
  }

  /** Where trainings may report. */
  get reportsUrls(): readonly string[] {
    return [...this.#replicas.values()].flatMap(({ reportsUrl }) => reportsUrl ?? []);
  }

  /** Of the replica that `kill` knows by that number, while it is alive. */
  urlOf(index: number): string {
    const replica = this.#replicas.get(index);
    if (replica === undefined) throw new Error(`replica ${index} is not alive`);
    return replica.url;
  }

  /** Starts whatever replica is not alive and resolves when all listen. */
  async fill(): Promise<void> {
    const indexes = this.#options.kubeconfigs.keys();
    const missing = [...indexes].filter((index) => !this.#replicas.has(index));
    await Promise.all(missing.map((index) => this.#start(index)));
  }

  /**
   * Lets the first replica that reaches `failpoint` die; resolves with its death. One of the others
   * dies at `prelude` before that, where the failpoint is reached only after such a death.
   */
  async awaitDeathAt(
    failpoint: Failpoint,
    timeoutMs: number,
    prelude?: Failpoint,
  ): Promise<Death | undefined> {
    const { promise, resolve } = Promise.withResolvers<Death | undefined>();
    const timer = setTimeout(() => resolve(undefined), timeoutMs);
    // Another one may die meanwhile, of the failpoint before or of itself.
    this.#onDeath = (death) => {
      if (death.failpoint === failpoint) resolve(death);
    };
    this.#arm([failpoint], prelude);
    const death = await promise;
    clearTimeout(timer);
    this.#arm([]);
    this.#onDeath = undefined;
    return death;
  }

  /** Kills one replica, or all of them; how many died. */
  async kill(index?: number): Promise<number> {
    const dying = [...this.#replicas].filter(([own]) => index === undefined || own === index);
    await Promise.all(
      dying.map(async ([own, { process }]) => {
        await this.#end(process, 'SIGKILL');
        this.#replicas.delete(own);
      }),
    );
    return dying.length;
  }

  /** Ends all replicas gracefully. */
  async close(): Promise<void> {
    const replicas = [...this.#replicas.values()];
    this.#replicas.clear();
    await Promise.all(replicas.map(({ process }) => this.#end(process, 'SIGTERM')));
  }

  async #end(process: ChildProcess, signal: NodeJS.Signals): Promise<void> {
    const exit = once(process, 'exit');
    this.#endedByUs.add(process);
    process.kill(signal);
    await exit;
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
    // Its last messages may be read only after its exit is known.
    const silence = once(child, 'disconnect');
    const openEnds = new Set<string>();
    let dyingAt: Failpoint | undefined;
    const ready = Promise.withResolvers<ReadyMessage>();
    child.on('message', (message: EndMessage | DeathMessage | ReadyMessage) => {
      if ('url' in message) ready.resolve(message);
      else if ('dyingAt' in message) dyingAt = message.dyingAt;
      else if ('sending' in message) openEnds.add(message.sending);
      else openEnds.delete(message.noted);
    });
    const started = await Promise.race([ready.promise, exit]);
    if (started === undefined) throw new Error(`replica ${index} did not start; see ${logDir}`);
    const { url, reportsUrl } = started;
    this.#replicas.set(index, { process: child, url, reportsUrl });
    void exit.then(async () => {
      this.#replicas.delete(index);
      await silence;
      if (dyingAt === undefined && !this.#endedByUs.has(child)) this.crashed.push(`${index}`);
      for (const name of openEnds) this.cutShort.set(name, (this.cutShort.get(name) ?? 0) + 1);
      this.#onDeath?.({ index, failpoint: dyingAt });
    });
    child.send({ armed: this.#armed });
  }

  /** Whatever starts from now on is armed with `failpoints`, too; `prelude` is for one that runs. */
  #arm(failpoints: readonly Failpoint[], prelude?: Failpoint): void {
    this.#armed = failpoints;
    for (const [nth, { process }] of [...this.#replicas.values()].entries()) {
      const armed = nth === 0 && prelude !== undefined ? [prelude] : failpoints;
      if (process.connected) process.send({ armed });
    }
  }
}
