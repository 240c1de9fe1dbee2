import type { Clock } from '../clock.ts';
import type { CallbackTarget } from '../jobs/job.ts';
import type { Leadership } from '../jobs/leadership.ts';
import type { Metrics } from '../metrics.ts';
import type { EncodedEvent } from './event.ts';
import type { PostResult, WebhookClient } from './http/webhook-client.ts';
import { judgeAttempt } from './retry-policy.ts';
import type { Signer } from './signature.ts';

export interface EventSenderParts {
  readonly leadership: Leadership;
  readonly webhookClient: Pick<WebhookClient, 'post' | 'close'>;
  readonly signer: Signer;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

const USER_AGENT = 'trainer-api/1';

/** Makes attempts, signed and counted, and only while this process leads. */
export class EventSender {
  readonly #parts: EventSenderParts;
  #isClosed = false;

  constructor(parts: EventSenderParts) {
    this.#parts = parts;
  }

  /** Undefined when nothing was sent, or when it was cut off because we close. */
  async send(
    { webhookUrl, authHeader }: CallbackTarget,
    { kind, id, body }: EncodedEvent,
  ): Promise<PostResult | undefined> {
    const { leadership, webhookClient, signer, metrics, clock } = this.#parts;
    // Checked last: a process that was paused for long must not send what another sends by now.
    if (!leadership.isLeader()) return undefined;
    const result = await webhookClient.post({
      url: webhookUrl,
      body,
      headers: {
        'content-type': 'application/json',
        'user-agent': USER_AGENT,
        ...(authHeader !== undefined && { authorization: authHeader }),
        ...signer({ id, atMs: clock.now(), body }),
      },
    });
    // Says nothing about the receiver, and the next leader tries it at once.
    if (this.#isClosed && result.status === undefined) return undefined;
    metrics.countDelivery(judgeAttempt(result.status, kind));
    return result;
  }

  /** Cuts off what is on its way. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.#parts.webhookClient.close();
  }
}
