import type { Clock } from '../clock.ts';
import { type ApiClient, ApiError, type ApiRequest, type WatchEvent } from './api-client.ts';
import type { ApiServerHealth } from './api-server-health.ts';
import { type CallMetrics, toTarget } from './call-metrics.ts';
import { isOutage } from './outage.ts';

export interface MonitoredClientParts {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly health: ApiServerHealth;
  readonly metrics: CallMetrics;
}

/**
 * A client that measures its calls, reports their outcomes to `health`, and fails at once, as with no
 * answer, while `health` says that the API server is away.
 */
export class MonitoredClient implements ApiClient {
  readonly #parts: MonitoredClientParts;

  constructor(parts: MonitoredClientParts) {
    this.#parts = parts;
  }

  async call<T>(request: ApiRequest): Promise<T> {
    this.#assertAllowed(request);
    const { client } = this.#parts;
    return this.#measure(toTarget(request), request, () => client.call<T>(request));
  }

  async stream(request: ApiRequest): Promise<AsyncIterable<Buffer>> {
    this.#assertAllowed(request);
    const { client } = this.#parts;
    return this.#measure(toTarget(request), request, () => client.stream(request));
  }

  async watch<T>(request: ApiRequest): Promise<AsyncIterable<WatchEvent<T>>> {
    const { client, metrics } = this.#parts;
    const target = { ...toTarget(request), verb: 'watch' };
    const events = await this.#measure(target, request, () => client.watch<T>(request));
    metrics.heard(request);
    return this.#listen(request, events);
  }

  endpoint() {
    return this.#parts.client.endpoint();
  }

  close(): Promise<void> {
    return this.#parts.client.close();
  }

  #assertAllowed(request: ApiRequest): void {
    const { health, metrics } = this.#parts;
    if (request.isRetriedBySender === true || health.allowsCall()) return;
    metrics.observe({ ...toTarget(request), code: 'held' }, 0);
    const call = `${request.method} ${request.path}`;
    throw new ApiError(`${call} was held back, since the API server does not answer`, {});
  }

  async *#listen<T>(request: ApiRequest, events: AsyncIterable<WatchEvent<T>>) {
    for await (const event of events) {
      this.#parts.metrics.heard(request);
      yield event;
    }
  }

  async #measure<R>(
    target: ReturnType<typeof toTarget>,
    { signal, isServedElsewhere }: ApiRequest,
    call: () => Promise<R>,
  ): Promise<R> {
    const { clock, health, metrics } = this.#parts;
    const startedAtMs = clock.monotonic();
    const observe = (code: string) =>
      metrics.observe({ ...target, code }, (clock.monotonic() - startedAtMs) / 1000);
    try {
      const answer = await call();
      observe('2xx');
      health.succeeded();
      return answer;
    } catch (error) {
      // Whoever gave up on the call says nothing about the server.
      if (signal?.aborted || !(error instanceof ApiError)) throw error;
      observe(String(error.status ?? 'none'));
      if (isServedElsewhere && error.status !== undefined) throw error;
      if (isOutage(error)) health.failed(error);
      else health.succeeded();
      throw error;
    }
  }
}
