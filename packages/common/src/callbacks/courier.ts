import type { Clock } from '../clock.ts';
import type { Leadership } from '../jobs/leadership.ts';
import type { Metrics } from '../metrics.ts';
import type { EncodedEvent } from './event.ts';
import type { PostResult, WebhookSender } from './http/webhook-client.ts';
import type { LaneTarget } from './lane.ts';
import { judgeAttempt } from './retry-policy.ts';
import type { Signer } from './signature.ts';
import { Slots } from './slots.ts';

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
  /** It waits for its turn, of which `onTurn` tells. */
  | { readonly kind: 'waiting' }
  /** There was nothing to send, we no longer lead, or it was cut because we close. */
  | { readonly kind: 'nothing' };

const USER_AGENT = 'trainer-api/1';

/** Makes attempts, one slot each, signed and counted, and only while this process leads. */
export class Courier {
  readonly #parts: CourierParts;
  readonly #slots: Slots;
  #isClosed = false;

  constructor(parts: CourierParts & { readonly onTurn: (name: string) => void }) {
    this.#parts = parts;
    this.#slots = new Slots(parts);
  }

  /** `toEvent` is asked once there is a slot for what it says; undefined sends nothing. */
  async attempt(
    name: string,
    target: LaneTarget,
    isEnd: boolean,
    toEvent: () => EncodedEvent | undefined | Promise<EncodedEvent | undefined>,
  ): Promise<Outcome> {
    const admission = this.#slots.take(name, target.origin, isEnd);
    if (admission.kind === 'full') return { kind: 'waiting' };
    if (admission.kind === 'open') return { kind: 'later', atMs: admission.retryAtMs };
    let result: PostResult | undefined;
    try {
      const event = await toEvent();
      // Asked last: whoever was paused for long must not send what another sends by now.
      if (event === undefined || !this.#parts.leadership.isLeader()) return { kind: 'nothing' };
      result = await this.#post(target, event);
    } finally {
      admission.leave(result);
    }
    // Cut by ourselves, which says nothing about the receiver: the next leader tries it at once.
    if (this.#isClosed && result.status === undefined) return { kind: 'nothing' };
    this.#parts.metrics.deliveries.inc({ outcome: judgeAttempt(result.status, isEnd) });
    return { kind: 'answered', result };
  }

  /** Gives back a turn that a job has no more use for. */
  giveBack(name: string): void {
    this.#slots.giveBack(name);
  }

  clear(): void {
    this.#slots.clear();
  }

  /** Cuts what is on its way. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.#parts.sender.close();
  }

  #post({ webhookUrl, authHeader }: LaneTarget, { id, body }: EncodedEvent): Promise<PostResult> {
    const { sender, signer, clock } = this.#parts;
    return sender.post({
      url: webhookUrl,
      body,
      headers: {
        'content-type': 'application/json',
        'user-agent': USER_AGENT,
        ...(authHeader !== undefined && { authorization: authHeader }),
        ...signer({ id, atMs: clock.now(), body }),
      },
    });
  }
}
