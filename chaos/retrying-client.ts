import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fleet } from './fleet.ts';

export interface Answered {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  /** No earlier attempt was left without an answer, of which nobody knows how far it came. */
  readonly isFirst: boolean;
}

export interface Call {
  readonly method: 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: object;
  readonly authorization?: string;
  /** How long it is left alone before it is repeated for the first time. */
  readonly patienceMs?: number;
}

const GIVE_UP_MS = 120_000;
const CALL_TIMEOUT_MS = 15_000;
const PAUSE_MS = 200;
/** Far less than a record lives that is left behind, and far more than its deletion takes. */
const FORGETTING_MS = 5000;

/** Asks whichever replica is alive, until it knows what it asked for. */
export class RetryingClient {
  readonly #fleet: Pick<Fleet, 'urls'>;

  constructor(fleet: Pick<Fleet, 'urls'>) {
    this.#fleet = fleet;
  }

  /** Repeats a call until someone answers it; undefined when nobody ever does. */
  async insist({ patienceMs = PAUSE_MS, ...call }: Call): Promise<Answered | undefined> {
    const endsAtMs = Date.now() + GIVE_UP_MS;
    for (let isFirst = true; Date.now() < endsAtMs; isFirst = false) {
      const answer = await this.#call(call);
      if (answer !== undefined && answer.status < 500) return { ...answer, isFirst };
      await sleep(isFirst ? patienceMs : PAUSE_MS);
    }
    return undefined;
  }

  /**
   * Whether a job that should be unknown is still known. One 404 proves the contrary, whoever says
   * it: absence is never remembered, so the cluster was asked; a 200 may come from a watch that lags.
   */
  async isStillKnown(jobId: string): Promise<boolean> {
    const endsAtMs = Date.now() + FORGETTING_MS;
    for (;;) {
      const answer = await this.read(jobId);
      if (answer?.status === 404) return false;
      if (Date.now() >= endsAtMs) return answer?.status === 200;
      await sleep(PAUSE_MS);
    }
  }

  /** What is told of a job, or of a part of it; undefined where nobody answers. */
  read(jobId: string, part: '' | '/request' = ''): Promise<Omit<Answered, 'isFirst'> | undefined> {
    return this.#call({ method: 'GET', path: `/train/${jobId}${part}` });
  }

  async #call({ method, path, body, authorization }: Omit<Call, 'method'> & { method: string }) {
    const urls = this.#fleet.urls;
    const url = urls[randomInt(Math.max(1, urls.length))];
    if (url === undefined) return undefined;
    try {
      const response = await fetch(`${url}${path}`, {
        method,
        signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
        headers: {
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...(authorization !== undefined && { authorization }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      const answered = text === '' ? {} : JSON.parse(text);
      return { status: response.status, body: answered as Answered['body'] };
    } catch {
      // It died before the end of its answer, which is then none.
      return undefined;
    }
  }
}
