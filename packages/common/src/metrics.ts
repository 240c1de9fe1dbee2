import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { JOB_STATUSES, type JobStatus } from './requests/job-status.ts';

/** What the service counts, in a registry of its own. */
export interface Metrics {
  readonly registry: Registry;
  readonly observeRequest: (method: string, route: string, status: number, seconds: number) => void;
  readonly countDelivery: (outcome: string) => void;
  /** Counts a request that was refused because the process cannot keep up. */
  readonly countShed: () => void;
}

/** All are asked at every scrape, so that counting costs nothing in between. */
export interface MetricSources {
  readonly countJobs: () => ReadonlyMap<JobStatus, number>;
  readonly countUnreadable: () => number;
  readonly behindForMs: () => number;
  readonly isLeader: () => boolean;
}

export function createMetrics(backend: string, sources: MetricSources): Metrics {
  const { countJobs, countUnreadable, behindForMs, isLeader } = sources;
  const registry = new Registry();
  registry.setDefaultLabels({ backend });
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'trainer_jobs',
    help: 'Jobs that are kept, by status',
    labelNames: ['status'],
    registers: [registry],
    collect() {
      const counts = countJobs();
      for (const status of JOB_STATUSES) this.set({ status }, counts.get(status) ?? 0);
    },
  });
  new Gauge({
    name: 'trainer_unreadable_records',
    help: 'Jobs whose record, or a part of it, cannot be read, so that they can only be cancelled',
    registers: [registry],
    collect() {
      this.set(countUnreadable());
    },
  });
  new Gauge({
    name: 'trainer_cache_behind_seconds',
    help: 'For how long what is known of jobs may have missed changes of the cluster',
    registers: [registry],
    collect() {
      this.set(behindForMs() / 1000);
    },
  });
  new Gauge({
    name: 'trainer_leader',
    help: 'Whether this replica acts on jobs and callbacks (1) or leaves that to another (0)',
    registers: [registry],
    collect() {
      this.set(Number(isLeader()));
    },
  });
  const requestSeconds = new Histogram({
    name: 'trainer_http_request_duration_seconds',
    help: 'Time from the arrival of a request to its answer',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10],
    registers: [registry],
  });
  const deliveries = new Counter({
    name: 'trainer_callback_attempts_total',
    help: 'POSTs to webhooks, by outcome',
    labelNames: ['outcome'],
    registers: [registry],
  });
  const shed = new Counter({
    name: 'trainer_http_requests_shed_total',
    help: 'Requests that were refused because the process could not keep up',
    registers: [registry],
  });
  const deliveryChildren = new Map<string, ReturnType<typeof deliveries.labels>>();
  // Looking labels up costs more than counting, and there are few of them.
  const children = new Map<string, Map<string, ReturnType<typeof requestSeconds.labels>[]>>();
  return {
    registry,
    observeRequest: (method, route, status, seconds) => {
      const ofRoute = children.get(route) ?? new Map();
      children.set(route, ofRoute);
      const byStatus = ofRoute.get(method) ?? [];
      ofRoute.set(method, byStatus);
      byStatus[status] ??= requestSeconds.labels(method, route, String(status));
      byStatus[status].observe(seconds);
    },
    countShed: () => shed.inc(),
    countDelivery: (outcome) => {
      const child = deliveryChildren.get(outcome) ?? deliveries.labels(outcome);
      deliveryChildren.set(outcome, child);
      child.inc();
    },
  };
}
