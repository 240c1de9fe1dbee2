import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Random } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { Violation } from '../errors.ts';
import type { TrainingRequest } from '../requests/training-request.ts';
import type { RunnerPlan } from './job.ts';
import type { JobRunner } from './job-runner.ts';
import type { JobStore } from './job-store.ts';
import type { Leadership } from './leadership.ts';

/**
 * Secret values of the operator's that a job uses beside its own, so that they can be masked;
 * undefined when not all of them can be read.
 * @throws TrainerError CLUSTER_UNAVAILABLE
 */
export type ReadSharedSecrets = (job: RunnerPlan) => Promise<readonly string[] | undefined>;

/** Where jobs are kept and run, and who of its replicas acts on them. */
export interface Platform {
  readonly store: JobStore;
  readonly runner: JobRunner;
  readonly leadership: Leadership;
  /** The address of the API server, for people; undefined where there is no cluster. */
  readonly cluster?: string;
  /** Addresses of the platform's own API, which no webhook may point to. */
  readonly apiEndpoints: readonly { readonly address: string; readonly port: number }[];
  readonly readSharedSecrets?: ReadSharedSecrets;
  /** What it alone refuses of a request that is otherwise valid; `reads` as rules have it. */
  readonly limits?: {
    readonly reads: readonly string[];
    readonly check: (request: TrainingRequest) => readonly Violation[];
  };
  /** A sentence on what keeps it from working as it should, for anybody to read. */
  readonly degradedReason?: () => string | undefined;
  /** Adds what it alone measures. */
  readonly registerMetrics?: (registry: Registry) => void;
  /** Says to the trainings of this platform where their reports go, where no variable of theirs does. */
  readonly announceReportsUrl?: (url: string) => Promise<void>;
  /** Connects; harmless failures are retried behind it, and `behindForMs` of the parts shows them. */
  open(): Promise<void>;
  /** Gives up leadership and connections; harmless when repeated. */
  close(): Promise<void>;
}

export interface PlatformParts {
  readonly backend: string;
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}
