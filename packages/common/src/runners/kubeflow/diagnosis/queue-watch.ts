import type { Logger } from 'pino';
import type { Random } from '../../../backoff.ts';
import type { Clock } from '../../../clock.ts';
import type { ApiClient } from '../../../kubernetes/api-client.ts';
import { type QueueStanding, UNKNOWN_STANDING } from '../status/queue-standing.ts';
import { QueuePositions } from './queue-positions.ts';
import { WorkloadWatch } from './workload-watch.ts';

export interface QueueWatchParts {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly namespace: string;
  /** The TrainJobs that wait in a queue now. */
  readonly listWaiting: () => Iterable<{ readonly name: string; readonly queue: string }>;
}

/** What Kueue tells of the TrainJobs that wait in its queues: their places, and what they lack. */
export class QueueWatch {
  readonly #positions: QueuePositions;
  readonly #workloads: WorkloadWatch;

  constructor({ listWaiting, random, ...parts }: QueueWatchParts) {
    const list = <T>(pick: (waiting: { name: string; queue: string }) => T) =>
      Array.from(listWaiting(), pick);
    const listQueues = () => list(({ queue }) => queue);
    this.#positions = new QueuePositions({ ...parts, listQueues });
    this.#workloads = new WorkloadWatch({
      ...{ ...parts, random },
      listWaiting: () => list(({ name }) => name),
    });
  }

  /** Says that a TrainJob waits in a queue. */
  note(): void {
    this.#positions.note();
    this.#workloads.note();
  }

  get({ name, uid }: { readonly name: string; readonly uid: string }): QueueStanding {
    const finding = this.#workloads.get(uid);
    // It waits no more, and until it is resumed there is nothing better to say than before.
    if (finding === 'admitted') return UNKNOWN_STANDING;
    const { isComplete } = this.#workloads;
    return { position: this.#positions.get(name), finding, isComplete };
  }

  /** Calls `listener` with the name of a TrainJob whose reason to wait changes. */
  watch(listener: (name: string) => void): () => void {
    return this.#workloads.watch(listener);
  }

  async close(): Promise<void> {
    this.#positions.close();
    await this.#workloads.close();
  }
}
