import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { ApiError } from './api-client.ts';
import { Circuit } from './circuit.ts';
import { isServerDown } from './outage.ts';
import { OutageLog, toWholeMs } from './outage-log.ts';

export interface ApiServerHealthParts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** For how long caches may have missed changes, which its log lines show. */
  readonly behindForMs: () => number;
}

/** One call that fails is no reason to call a server unwell. */
const DEGRADED_AFTER = 3;

/** What all calls of one process together say about the API server. */
export class ApiServerHealth {
  readonly #clock: Clock;
  readonly #circuit: Circuit;
  readonly #log: OutageLog;
  #failuresInRow = 0;
  #failingSinceMs = 0;
  #lastFailure: ApiError | undefined;

  constructor({ clock, logger, behindForMs }: ApiServerHealthParts) {
    this.#clock = clock;
    this.#circuit = new Circuit(clock);
    this.#log = new OutageLog({
      ...{ clock, logger },
      messages: {
        begins: 'Kubernetes API calls fail',
        goesOn: 'Kubernetes API calls still fail',
        ends: 'Kubernetes API calls succeed again',
      },
      describe: () => ({ behind_ms: toWholeMs(behindForMs()) }),
    });
  }

  /** Whether a call may be made that its sender does not repeat. */
  allowsCall(): boolean {
    return this.#circuit.allows();
  }

  /** After a call that failed as in an outage. */
  failed(error: ApiError): void {
    if (this.#failuresInRow === 0) this.#failingSinceMs = this.#clock.monotonic();
    this.#failuresInRow += 1;
    this.#lastFailure = error;
    if (isServerDown(error)) this.#circuit.failed();
    this.#log.failed(error);
  }

  /** After a call that the API server decided on, also by a refusal. */
  succeeded(): void {
    this.#failuresInRow = 0;
    this.#circuit.succeeded();
    this.#log.succeeded();
  }

  /** A sentence on what is wrong, which names nothing of the cluster. */
  degradedReason(): string | undefined {
    if (this.#failuresInRow < DEGRADED_AFTER) return undefined;
    const seconds = Math.round((this.#clock.monotonic() - this.#failingSinceMs) / 1000);
    return `The cluster's API server ${toComplaint(this.#lastFailure?.status)}, for ${seconds} s now.`;
  }

  close(): void {
    this.#log.close();
  }
}

function toComplaint(status: number | undefined): string {
  switch (status) {
    case undefined:
      return 'does not answer';
    case 401:
      return 'does not accept the account of this service';
    case 429:
      return 'is too busy to answer';
    default:
      return `answers with status ${status}`;
  }
}
