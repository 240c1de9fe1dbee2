import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import type { LocalFixture } from '@trainer/common/testing';

/** The service of one machine, which is killed and started again. */
export class Machine {
  readonly #fixture: LocalFixture;
  readonly #backend: string;
  #service: { readonly process: ChildProcess; readonly url: string } | undefined;

  constructor(fixture: LocalFixture, backend: string) {
    this.#fixture = fixture;
    this.#backend = backend;
  }

  /** That of the service, while it is alive. */
  get urls(): readonly string[] {
    return this.#service === undefined ? [] : [this.#service.url];
  }

  /** Starts the service unless it runs. */
  async start(): Promise<void> {
    if (this.#service !== undefined) return;
    const log = openSync(join(this.#fixture.folder, 'service.log'), 'a');
    const child = fork(new URL('../replica.ts', import.meta.url), [this.#backend], {
      env: {
        ...process.env,
        ...this.#fixture.env,
        PORT: '0',
        LOG_LEVEL: 'info',
        TRAINER_LOCAL_CORES: '4',
        TRAINER_GRACE_SECONDS: '1',
        TRAINER_CALLBACK_INTERVAL_SECONDS: '2',
        TRAINER_RATE_LIMIT_PER_MINUTE: '0',
      },
      stdio: ['ignore', log, log, 'ipc'],
    });
    const url = await new Promise<string>((resolve, reject) => {
      child.on('message', (message: { url?: string }) => {
        if (message.url !== undefined) resolve(message.url);
      });
      child.once('exit', (code) => reject(new Error(`the service ended with ${code}`)));
    });
    child.once('exit', () => {
      if (this.#service?.process === child) this.#service = undefined;
    });
    this.#service = { process: child, url };
  }

  async kill(): Promise<void> {
    const child = this.#service?.process;
    this.#service = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
}
