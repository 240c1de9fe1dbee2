import { Gauge, type Registry } from 'prom-client';
import type { Clock } from '../clock.ts';
import { isTerminal, type JobRecord } from '../jobs/job.ts';
import { toCurrentPhase } from '../jobs/phase.ts';
import type { Stall } from '../jobs/reported.ts';
import { VERSION } from '../version.ts';

export interface OperatorMetricsParts {
  readonly records: () => Iterable<JobRecord>;
  /** Jobs that wait to be looked at by the controller. */
  readonly reconcileQueueLength: () => number;
  /** Jobs that wait for their turn at a webhook. */
  readonly callbackQueueLength: () => number;
  readonly clock: Clock;
}

const STATES = ['pending', 'delivered', 'gone', 'expired'] as const;
type State = (typeof STATES)[number];

const STALL_OWNERS = ['no reports', 'no step'] as const satisfies readonly Stall['owner'][];

interface Survey {
  readonly byReason: Map<string, { status: string; reason: string; count: number }>;
  readonly stalls: Record<Stall['owner'], number>;
  readonly finals: Record<State, number>;
  oldestPendingMs: number;
  readonly failingOrigins: Set<string>;
}

/**
 * Adds what operators watch of jobs and of their final callbacks. All replicas see the same records;
 * queues are those of the replica that leads. No label holds an address or an id.
 */
export function registerOperatorMetrics(registry: Registry, parts: OperatorMetricsParts): void {
  const { records, clock } = parts;
  // Of one scrape, all gauges are asked in the same turn.
  let survey: Survey | undefined;
  const look = (): Survey => {
    if (survey !== undefined) return survey;
    survey = takeSurvey(records(), clock.now());
    queueMicrotask(() => {
      survey = undefined;
    });
    return survey;
  };
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      ...{ name, help, registers: [registry] },
      collect() {
        this.set(read());
      },
    });

  new Gauge({
    name: 'trainer_jobs_by_reason',
    help: 'Jobs that are kept, by status and reason',
    labelNames: ['status', 'reason'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { status, reason, count } of look().byReason.values()) {
        this.set({ status, reason }, count);
      }
    },
  });
  new Gauge({
    name: 'trainer_stalled_jobs',
    help: 'Running jobs that seem to stand still, by what they lack',
    labelNames: ['owner'],
    registers: [registry],
    collect() {
      for (const owner of STALL_OWNERS) this.set({ owner }, look().stalls[owner]);
    },
  });
  new Gauge({
    name: 'trainer_final_callbacks',
    help: 'Final callbacks of jobs that are kept, by what became of them',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      for (const state of STATES) this.set({ state }, look().finals[state]);
    },
  });
  gauge(
    'trainer_final_callback_oldest_pending_seconds',
    'For how long the oldest final callback that is not settled has been due; 0 without one',
    () => look().oldestPendingMs / 1000,
  );
  gauge(
    'trainer_callback_failing_origins',
    'Origins that have refused a final callback which is still due; their names are in the log',
    () => look().failingOrigins.size,
  );
  gauge(
    'trainer_reconcile_queue_length',
    'Jobs that wait to be looked at by the controller of this replica',
    parts.reconcileQueueLength,
  );
  gauge(
    'trainer_callback_queue_length',
    'Jobs that wait for their turn at a webhook, on this replica',
    parts.callbackQueueLength,
  );
  new Gauge({
    name: 'trainer_build_info',
    help: 'Always 1; the labels say which release this is',
    labelNames: ['version'],
    registers: [registry],
  }).set({ version: VERSION }, 1);
}

function takeSurvey(records: Iterable<JobRecord>, nowMs: number): Survey {
  const survey: Survey = {
    byReason: new Map(),
    stalls: { 'no reports': 0, 'no step': 0 },
    finals: { pending: 0, delivered: 0, gone: 0, expired: 0 },
    oldestPendingMs: 0,
    failingOrigins: new Set(),
  };
  for (const { state, reported, delivery, webhookOrigin } of records) {
    const { status, reason } = state;
    const owner = toCurrentPhase(state, reported)?.owner;
    if (owner === 'no reports' || owner === 'no step') survey.stalls[owner] += 1;
    const key = `${status} ${reason}`;
    const known = survey.byReason.get(key);
    if (known === undefined) survey.byReason.set(key, { status, reason, count: 1 });
    else known.count += 1;

    const { settled, replayedAtMs, attemptCount } = delivery;
    if (settled === 'unwanted') continue;
    if (settled !== undefined) survey.finals[settled] += 1;
    if (settled !== undefined || !isTerminal(status)) continue;
    survey.finals.pending += 1;
    const sinceMs = replayedAtMs ?? state.observedAtMs;
    survey.oldestPendingMs = Math.max(survey.oldestPendingMs, nowMs - sinceMs);
    if (attemptCount > 0) survey.failingOrigins.add(webhookOrigin ?? '');
  }
  return survey;
}
