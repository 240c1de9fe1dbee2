import type { Logger } from 'pino';
import type { Clock } from '../../../clock.ts';
import { type ApiClient, ApiError } from '../../../kubernetes/api-client.ts';

export interface QueuePositionsParts {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly namespace: string;
  /** The queues in which jobs wait now. */
  readonly listQueues: () => Iterable<string>;
}

/** What is read of Kueue's answer (`visibility.kueue.x-k8s.io`). */
interface PendingWorkloads {
  readonly items?: readonly {
    readonly metadata?: {
      readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[];
    };
    readonly positionInLocalQueue?: number;
  }[];
}

const API = '/apis/visibility.kueue.x-k8s.io/v1beta2';
/** Several jobs are often submitted together. */
const FIRST_LOOK_MS = 1000;
const PERIOD_MS = 15_000;
/** Without the right to it, or a Kueue that serves it, there will hardly be an answer soon. */
const REFUSED_PERIOD_MS = 5 * 60_000;
/** Who stands further back is told no number. */
const MAX_WAITING = 1000;

/** Where jobs stand in the queues of Kueue; asked while there are any, by each replica for itself. */
export class QueuePositions {
  readonly #parts: QueuePositionsParts;
  #positions: ReadonlyMap<string, number> = new Map();
  #cancelLook: (() => void) | undefined;
  #isClosed = false;

  constructor(parts: QueuePositionsParts) {
    this.#parts = parts;
  }

  /** From 1 on; undefined where it is not known. */
  get(trainJob: string): number | undefined {
    return this.#positions.get(trainJob);
  }

  /** Says that a job waits in a queue. */
  note(): void {
    if (this.#cancelLook === undefined) this.#lookIn(FIRST_LOOK_MS);
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelLook?.();
  }

  #lookIn(delayMs: number): void {
    if (this.#isClosed) return;
    this.#cancelLook = this.#parts.clock.schedule(delayMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    const queues = [...new Set(this.#parts.listQueues())];
    if (queues.length === 0) {
      this.#positions = new Map();
      this.#cancelLook = undefined;
      return;
    }
    const answers = await Promise.all(queues.map((queue) => this.#ask(queue)));
    const isRefused = answers.includes('refused');
    // Where a queue does not answer, a number of before would be wrong.
    this.#positions = new Map(answers.flatMap((answer) => (answer === 'refused' ? [] : answer)));
    this.#lookIn(isRefused ? REFUSED_PERIOD_MS : PERIOD_MS);
  }

  /** Never fails. */
  async #ask(queue: string): Promise<'refused' | readonly (readonly [string, number])[]> {
    const { client, logger, namespace } = this.#parts;
    try {
      const name = encodeURIComponent(queue);
      const { items = [] } = await client.call<PendingWorkloads>({
        method: 'GET',
        path: `${API}/namespaces/${namespace}/localqueues/${name}/pendingworkloads`,
        query: { limit: MAX_WAITING },
        // By Kueue, if it is there and serves it.
        isServedElsewhere: true,
      });
      return items.flatMap(({ metadata, positionInLocalQueue: position }) => {
        const owner = metadata?.ownerReferences?.find(({ kind }) => kind === 'TrainJob');
        return owner === undefined || position === undefined ? [] : [[owner.name, position + 1]];
      });
    } catch (error) {
      logger.debug({ queue, err: error }, 'positions in a queue could not be read');
      const isRefusal = error instanceof ApiError && (error.status === 403 || error.status === 404);
      return isRefusal ? 'refused' : [];
    }
  }
}
