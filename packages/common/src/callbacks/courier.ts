import type { Clock } from '../clock.ts';
import type { Leadership } from '../leadership.ts';
import type { Metrics } from '../metrics.ts';
import type { EncodedEvent } from './callback-event.ts';
import type { LaneTarget } from './lane.ts';
import { judgeAttempt } from './schedule.ts';
import type { Signer } from './signature.ts';
import { Slots } from './slots.ts';
import type { PostResult, WebhookSender } from './webhook-sender.ts';

/** Makes single POSTs; see WebhookSender. */
export type Sender = Pick<WebhookSender, 'post' | 'close'>;

export interface CourierParts {
  readonly leadership: Leadership;
  readonly sender: Sender;
  readonly signer: Signer;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

export type Outcome =
  | { readonly kind: 'answered'; readonly result: PostResult }
  /** The origin fails too often; ask again then. */
  | { readonly kind: 'later'; readonly atMs: number }
  /** Nothing was sent: it waits for its turn, of which `onTurn` tells, or we no longer lead. */
  | { readonly kind: 'waiting' };

const USER_AGENT = 'trainer-api/1';

/** Makes attempts, one slot each, signed and counted, and only while this process leads. */
export class Courier {
  readonly #parts: CourierParts;
  readonly #slots: Slots;

  constructor(parts: CourierParts & { readonly onTurn: (name: string) => void }) {
    this.#parts = parts;
    this.#slots = new Slots(parts);
  }

  async attempt(
    name: string,
    { webhookUrl, authHeader, origin }: LaneTarget,
    event: EncodedEvent,
    isEnd: boolean,
  ): Promise<Outcome> {
    const { sender, signer, clock, leadership, metrics } = this.#parts;
    const admission = this.#slots.take(name, origin, isEnd);
    if (admission.kind === 'full') return { kind: 'waiting' };
    if (admission.kind === 'open') return { kind: 'later', atMs: admission.retryAtMs };
    // Asked last: whoever was paused for long must not send what another sends by now.
    if (!leadership.isLeader()) {
      admission.leave(undefined);
      return { kind: 'waiting' };
    }
    const result = await sender.post({
      url: webhookUrl,
      body: event.body,
      headers: {
        'content-type': 'application/json',
        'user-agent': USER_AGENT,
        ...(authHeader !== undefined && { authorization: authHeader }),
        ...signer({ id: event.id, atMs: clock.now(), body: event.body }),
      },
    });
    admission.leave(result);
    metrics.deliveries.inc({ outcome: judgeAttempt(result.status, isEnd) });
    return { kind: 'answered', result };
  }

  /** Gives back a turn that a job has no more use for. */
  giveBack(name: string): void {
    this.#slots.giveBack(name);
  }

  clear(): void {
    this.#slots.clear();
  }

  close(): Promise<void> {
    return this.#parts.sender.close();
  }
}
