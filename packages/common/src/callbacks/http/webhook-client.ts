import querystring from 'node:querystring';
import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import type { Clock } from '../../clock.ts';
import type { AddressPolicy } from './address-policy.ts';
import { GuardedConnector, type HostLookup } from './guarded-connector.ts';
import { toPostFailure } from './post-failure.ts';
import { parseRetryAfter } from './retry-after.ts';

export interface WebhookPost {
  readonly url: string;
  /** All but the host and the length; undici's rules, so a bad one makes a refused result. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface PostResult {
  /** The answer's HTTP status; undefined when there was no whole answer in time. */
  readonly status: number | undefined;
  /** One sentence without URL, credentials or body text; undefined for 2xx. */
  readonly error: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly durationMs: number;
  /** It was sent and got no answer, so its receiver may be busy with it still. */
  readonly isCutOff: boolean;
  /** It was not sent and never may be: the policy refuses the address, or HTTP the request. */
  readonly isRefused: boolean;
}

export interface WebhookClientOptions {
  readonly policy: AddressPolicy;
  readonly clock: Clock;
  /** For the whole of one POST, from the name's lookup to the last byte of the answer; 15 s. */
  readonly timeoutMs?: number;
  /** How names are resolved; the system's way by default. */
  readonly lookup?: HostLookup | undefined;
  /**
   * Posts by way of this proxy, which resolves and dials: of the policy only what the URL itself
   * says can be judged then.
   */
  readonly proxyUrl?: string | undefined;
}

/** More POSTs to one origin wait for a connection, within their deadlines. */
export const MAX_CONNECTIONS_PER_ORIGIN = 16;
/** Of a gateway that has given up waiting: what is behind it may be busy still. */
const GATEWAY_TIMEOUT = 504;
const MAX_ANSWER_BYTES = 64 * 1024;
/** Shorter than the 5 s after which Node and uvicorn close an idle connection on us. */
const KEEP_ALIVE_MS = 4_000;
const MAX_KEEP_ALIVE_MS = 30_000;

/**
 * Makes single POSTs to webhooks over shared keep-alive connections. Redirects are not followed.
 * An answer is read up to 64 KiB, for the connection's sake, and thrown away; of a longer one the
 * status counts. Connections idle for a few seconds are closed, and with the last one all that is
 * known of its origin. How many POSTs run at once is the caller's to limit.
 */
export class WebhookClient {
  readonly #policy: AddressPolicy;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #connector: GuardedConnector;
  readonly #agent: Agent | ProxyAgent;

  constructor({ policy, clock, timeoutMs = 15_000, lookup, proxyUrl }: WebhookClientOptions) {
    this.#policy = policy;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#connector = new GuardedConnector({ policy, timeoutMs, lookup });
    const options = {
      allowH2: false,
      connections: MAX_CONNECTIONS_PER_ORIGIN,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: MAX_KEEP_ALIVE_MS,
      // One deadline of our own covers both, and a body that drips.
      headersTimeout: 0,
      bodyTimeout: 0,
    };
    this.#agent =
      proxyUrl === undefined
        ? new Agent({ ...options, connect: this.#connector.connect })
        : new ProxyAgent({ ...options, uri: proxyUrl, connectTimeout: timeoutMs });
  }

  /** How many origins it has connections or POSTs to, where it dials them itself. */
  get originCount(): number {
    return this.#agent instanceof Agent ? Object.keys(this.#agent.stats).length : 0;
  }

  /** Never rejects. */
  post(post: WebhookPost): Promise<PostResult> {
    return new Promise((resolve) => {
      const attempt = new Attempt(this.#clock, this.#timeoutMs, resolve);
      const url = URL.parse(post.url);
      const refusal = this.#policy.refuseUrl(url ?? post.url);
      if (url === null || refusal !== undefined) {
        return attempt.refuse(`The webhook ${refusal}.`);
      }
      this.#agent.dispatch(
        {
          origin: url.origin,
          path: url.pathname + url.search,
          method: 'POST',
          headers: withUserInfo(post.headers, url),
          body: post.body,
        },
        attempt,
      );
    });
  }

  /** Ends what is under way with a failed result; later posts fail at once. */
  async close(): Promise<void> {
    this.#connector.close();
    await this.#agent.destroy();
  }
}

/** A handler of undici's own: a deadline that also covers connecting, and no stream for each body. */
class Attempt implements Dispatcher.DispatchHandler {
  readonly #clock: Clock;
  readonly #startedAtMs: number;
  readonly #timeoutMs: number;
  readonly #cancelDeadline: () => void;
  #resolve: ((result: PostResult) => void) | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #status: number | undefined;
  #retryAfter: string | undefined;
  #isSent = false;
  #byteCount = 0;

  constructor(clock: Clock, timeoutMs: number, resolve: (result: PostResult) => void) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#resolve = resolve;
    this.#startedAtMs = clock.monotonic();
    this.#cancelDeadline = clock.schedule(timeoutMs, () => this.#expire());
  }

  refuse(error: string): void {
    this.#settle({ error, isRefused: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    this.#isSent = true;
    // The connection came too late, for a POST that is already reported as failed.
    if (this.#resolve === undefined) controller.abort(new Error('too late'));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) return;
    this.#status = status;
    this.#retryAfter = [headers['retry-after']].flat()[0];
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#byteCount += chunk.length;
    if (this.#byteCount <= MAX_ANSWER_BYTES) return;
    this.onResponseEnd();
    controller.abort(new Error('too long'));
  }

  onResponseEnd(): void {
    const status = this.#status;
    this.#settle({ status, error: toAnswerError(status), retryAfter: this.#retryAfter });
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#settle(toPostFailure(error));
  }

  #expire(): void {
    const verb = this.#status === undefined ? 'answer' : 'finish its answer';
    this.#settle({ error: `The webhook did not ${verb} within ${this.#timeoutMs / 1000} s.` });
    this.#controller?.abort(new Error('expired'));
  }

  /** The first call counts. */
  #settle(outcome: {
    status?: number | undefined;
    error: string | undefined;
    retryAfter?: string | undefined;
    isRefused?: boolean;
  }): void {
    this.#cancelDeadline();
    const { status } = outcome;
    this.#resolve?.({
      status,
      error: outcome.error,
      retryAfterMs: parseRetryAfter(outcome.retryAfter, this.#clock.now()),
      durationMs: this.#clock.monotonic() - this.#startedAtMs,
      isCutOff: this.#isSent && (status === undefined || status === GATEWAY_TIMEOUT),
      isRefused: outcome.isRefused ?? false,
    });
    this.#resolve = undefined;
  }
}

function toAnswerError(status: number | undefined): string | undefined {
  if (status !== undefined && status >= 200 && status < 300) return undefined;
  const isRedirect = status !== undefined && status >= 300 && status < 400;
  return `The webhook answered ${status}${isRedirect ? ', and redirects are not followed' : ''}.`;
}

/** What a URL's user name and password mean, unless the request brings its own Authorization. */
function withUserInfo(headers: WebhookPost['headers'], { username, password }: URL) {
  const hasOwn = () => Object.keys(headers).some((name) => name.toLowerCase() === 'authorization');
  if ((username === '' && password === '') || hasOwn()) return headers;
  const userInfo = Buffer.from(
    `${querystring.unescape(username)}:${querystring.unescape(password)}`,
  );
  return { ...headers, authorization: `Basic ${userInfo.toString('base64')}` };
}
