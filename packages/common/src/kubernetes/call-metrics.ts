import { Gauge, Histogram, type Registry } from 'prom-client';
import type { Clock } from '../clock.ts';
import type { ApiRequest } from './api-client.ts';

const PATH =
  /^\/(?:api\/v1|apis\/[^/]+\/[^/]+)(?:\/namespaces\/[^/]+)?\/(?<resource>[a-z]+)(?<name>\/[^/]+)?(?<part>\/log)?$/;
const VERBS = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' } as const;

/** What a call asks for, in the words of RBAC. */
export function toTarget({ method, path }: ApiRequest): { verb: string; resource: string } {
  const { resource, name, part } = PATH.exec(path)?.groups ?? {};
  if (resource === undefined) return { verb: 'get', resource: 'other' };
  if (part !== undefined) return { verb: 'get', resource: `${resource}${part}` };
  if (method !== 'GET') return { verb: VERBS[method], resource };
  return { verb: name === undefined ? 'list' : 'get', resource };
}

interface WatchNote {
  readonly resource: string;
  readonly heardAtMs: number;
  readonly signal: AbortSignal | undefined;
}

/** How calls to the API server went, and when each watch was last heard of. */
export class CallMetrics {
  readonly #clock: Clock;
  readonly #seconds = new Histogram({
    name: 'trainer_kubernetes_request_duration_seconds',
    help: 'Time until the API server has answered (a watch: accepted) a call; code "none" where it did not, "held" for calls that were not made',
    labelNames: ['verb', 'resource', 'code'],
    buckets: [0.005, 0.025, 0.1, 0.5, 2.5, 10, 30],
    registers: [],
  });
  readonly #watches = new Map<string, WatchNote>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  observe(labels: { verb: string; resource: string; code: string }, seconds: number): void {
    this.#seconds.observe(labels, seconds);
  }

  /** Takes note of a sign of life: the watch was accepted, or an event came. */
  heard(request: ApiRequest): void {
    const { resource } = toTarget(request);
    const { signal } = request;
    const heardAtMs = this.#clock.monotonic();
    this.#watches.set(toKey(request), { resource, heardAtMs, signal });
  }

  register(registry: Registry): void {
    registry.registerMetric(this.#seconds);
    const agesSeconds = () => this.#agesSeconds();
    new Gauge({
      name: 'trainer_watch_age_seconds',
      help: 'Time since each watch was last heard of; a healthy one brings a bookmark each minute, one of events may be quiet for longer',
      labelNames: ['resource'],
      registers: [registry],
      collect() {
        this.reset();
        for (const [resource, age] of agesSeconds()) this.set({ resource }, age);
      },
    });
  }

  #agesSeconds(): Map<string, number> {
    const ages = new Map<string, number>();
    for (const [key, { resource, heardAtMs, signal }] of this.#watches) {
      // One that broke gets older until it is back; one that nobody wants any more has no age.
      if (signal?.aborted) this.#watches.delete(key);
      if (signal?.aborted) continue;
      const age = (this.#clock.monotonic() - heardAtMs) / 1000;
      ages.set(resource, Math.max(age, ages.get(resource) ?? 0));
    }
    return ages;
  }
}

function toKey({ path, query }: ApiRequest): string {
  return JSON.stringify([path, query?.labelSelector, query?.fieldSelector]);
}
