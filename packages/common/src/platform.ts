import type { Logger } from 'pino';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import { createSoleLeadership, type Leadership } from './leadership.ts';
import type { JobRunner } from './runners/job-runner.ts';
import { MockRunner } from './runners/mock-runner.ts';
import type { JobStore } from './stores/job-store.ts';
import { MemoryJobStore } from './stores/memory-job-store.ts';

/** Where jobs are kept and run, and who of its replicas acts on them. */
export interface Platform {
  readonly store: JobStore;
  readonly runner: JobRunner;
  readonly leadership: Leadership;
  /** Addresses of the platform's own API, which no webhook may point to. */
  readonly apiEndpoints: readonly { readonly address: string; readonly port: number }[];
  /** Connects; harmless failures are retried behind it, and `unready` of the parts tells of them. */
  open(): Promise<void>;
  /** Gives up leadership and connections; harmless when repeated. */
  close(): Promise<void>;
}

export interface PlatformParts {
  readonly backend: string;
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** One line for each value of TRAINER_JOB_RUNNER. */
const PLATFORMS: Record<Config['runner'], (parts: PlatformParts) => Promise<Platform>> = {
  mock: async ({ config, clock }) => createMemoryPlatform(config, clock),
  kubernetes: async () => {
    throw new Error('not yet');
  },
};

export function createPlatform(parts: PlatformParts): Promise<Platform> {
  return PLATFORMS[parts.config.runner](parts);
}

function createMemoryPlatform(config: Config, clock: Clock): Platform {
  const store = new MemoryJobStore();
  const runner = new MockRunner(config, clock);
  return {
    store,
    runner,
    leadership: createSoleLeadership(clock.now()),
    apiEndpoints: [],
    open: async () => {},
    close: async () => {
      await runner.close();
      await store.close();
    },
  };
}
