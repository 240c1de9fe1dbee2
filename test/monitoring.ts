import { readDocuments } from './manifests.ts';

export const MONITORING = 'k8s/components/monitoring';

export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}
interface Group {
  readonly name: string;
  readonly rules: readonly Alert[];
}

/** What Prometheus itself would read of the PrometheusRule. */
export async function readAlertGroups(): Promise<readonly Group[]> {
  const [rule] = await readDocuments(`${MONITORING}/prometheus-rule.yaml`);
  return rule?.spec.groups;
}

export async function readAlerts(): Promise<readonly Alert[]> {
  return (await readAlertGroups()).flatMap(({ rules }) => rules);
}

/** The queries of the dashboard. */
export async function readQueries(): Promise<readonly string[]> {
  const [configMap] = await readDocuments(`${MONITORING}/dashboard.yaml`);
  const { panels } = JSON.parse(configMap?.data['trainer-apis.json']);
  return panels.flatMap(({ targets }: { targets: { expr: string }[] }) =>
    targets.map(({ expr }) => expr),
  );
}

/** The names of metrics that a query reads. */
export function metricsIn(query: string): readonly string[] {
  return [...query.matchAll(/\b(?:trainer|process|nodejs)_\w+/g)].map(([name]) => name);
}

/** Series that have an alert fire, and how long that takes. */
export interface AlertCase {
  readonly alert: string;
  /** As promtool writes it: name and labels, and one value a minute. */
  readonly series: Readonly<Record<string, string>>;
  /** The same without a reason for an alert. */
  readonly calm: Readonly<Record<string, string>>;
  /** After how many minutes it fires, and not one earlier. */
  readonly afterMinutes: number;
  /** The labels of each alert that is raised, beside those of its rule. */
  readonly raised: readonly Readonly<Record<string, string>>[];
}

const META = { backend: 'meta' };

/** What no job waits its way out of. */
const BLOCKED = [
  'IMAGE_PULL_FAILED',
  'POD_BLOCKED',
  'VOLUME_UNBOUND',
  'RUNTIME_REJECTED',
  'QUEUE_MISCONFIGURED',
  'QUEUE_CAPACITY_EXCEEDED',
];

/** At least one for each alert. */
export const ALERT_CASES: readonly AlertCase[] = [
  {
    alert: 'TrainerDown',
    series: { 'up{job="other"}': '1+0x60' },
    calm: running('nemo', 'meta', 'hf-unsloth'),
    afterMinutes: 5,
    raised: [{ backend: 'nemo' }, META, { backend: 'hf-unsloth' }],
  },
  {
    alert: 'TrainerDown',
    series: running('nemo', 'hf-unsloth'),
    calm: running('nemo', 'meta', 'hf-unsloth'),
    afterMinutes: 5,
    raised: [META],
  },
  {
    alert: 'TrainerNoLeader',
    series: {
      'trainer_leader{backend="meta",pod="a"}': '0+0x60',
      'trainer_leader{backend="meta",pod="b"}': '0+0x60',
      'trainer_leader{backend="nemo",pod="c"}': '1+0x60',
    },
    calm: {
      'trainer_leader{backend="meta",pod="a"}': '0+0x60',
      'trainer_leader{backend="meta",pod="b"}': '1+0x60',
    },
    afterMinutes: 2,
    raised: [META],
  },
  {
    alert: 'TrainerCacheBehind',
    series: { 'trainer_cache_behind_seconds{backend="meta",pod="a"}': '61+60x60' },
    calm: { 'trainer_cache_behind_seconds{backend="meta",pod="a"}': '30+0x60' },
    afterMinutes: 2,
    raised: [{ ...META, pod: 'a' }],
  },
  {
    alert: 'TrainerKubernetesCallsFail',
    series: kubernetesCalls('none', '0+60x60'),
    calm: kubernetesCalls('200', '0+60x60'),
    afterMinutes: 6,
    raised: [META],
  },
  {
    alert: 'TrainerServerErrors',
    series: { ...answers('200', '0+90x60'), ...answers('503', '0+10x60') },
    calm: { ...answers('200', '0+99x60'), ...answers('503', '0+1x60') },
    afterMinutes: 11,
    raised: [META],
  },
  {
    alert: 'TrainerShedsLoad',
    series: { 'trainer_http_requests_shed_total{backend="meta"}': '0+5x60' },
    calm: { 'trainer_http_requests_shed_total{backend="meta"}': '7+0x60' },
    afterMinutes: 6,
    raised: [META],
  },
  {
    alert: 'TrainerReconcileBacklog',
    series: { 'trainer_reconcile_queue_length{backend="meta",pod="a"}': '501+0x60' },
    calm: { 'trainer_reconcile_queue_length{backend="meta",pod="a"}': '500+0x60' },
    afterMinutes: 10,
    raised: [META],
  },
  {
    alert: 'TrainerRecordsUnreadable',
    series: { 'trainer_unreadable_records{backend="meta",pod="a"}': '1+0x60' },
    calm: { 'trainer_unreadable_records{backend="meta",pod="a"}': '0+0x60' },
    afterMinutes: 5,
    raised: [META],
  },
  {
    alert: 'TrainerJobsBlocked',
    series: Object.assign({}, ...BLOCKED.map((reason) => jobs('submitted', reason))),
    calm: {
      ...jobs('submitted', 'QUEUED'),
      ...jobs('submitted', 'WAITING_FOR_QUOTA'),
      ...jobs('failed', 'IMAGE_PULL_FAILED'),
    },
    afterMinutes: 15,
    raised: BLOCKED.map((reason) => ({ ...META, reason })),
  },
  {
    alert: 'TrainerJobsStalled',
    series: { 'trainer_stalled_jobs{backend="meta",owner="no step"}': '1+0x60' },
    calm: { 'trainer_stalled_jobs{backend="meta",owner="no step"}': '0+0x60' },
    afterMinutes: 5,
    raised: [{ ...META, owner: 'no step' }],
  },
  {
    alert: 'TrainerCallbackOriginsFail',
    series: { 'trainer_callback_failing_origins{backend="meta",pod="a"}': '2+0x60' },
    calm: { 'trainer_callback_failing_origins{backend="meta",pod="a"}': '0+0x60' },
    afterMinutes: 30,
    raised: [META],
  },
  {
    alert: 'TrainerFinalCallbacksLate',
    series: { 'trainer_final_callback_oldest_pending_seconds{backend="meta"}': '3601+60x60' },
    calm: { 'trainer_final_callback_oldest_pending_seconds{backend="meta"}': '3600+0x60' },
    afterMinutes: 5,
    raised: [META],
  },
  {
    alert: 'TrainerFinalCallbacksExpired',
    series: { 'trainer_final_callbacks{state="expired",backend="meta"}': '1+0x60' },
    calm: {
      'trainer_final_callbacks{state="expired",backend="meta"}': '0+0x60',
      'trainer_final_callbacks{state="gone",backend="meta"}': '9+0x60',
    },
    afterMinutes: 5,
    raised: [META],
  },
];

function running(...backends: readonly string[]) {
  return Object.fromEntries(
    backends.map((backend) => [`trainer_build_info{version="1",backend="${backend}"}`, '1+0x60']),
  );
}

function kubernetesCalls(code: string, values: string) {
  const labels = `verb="get",resource="secrets",code="${code}",backend="meta"`;
  return { [`trainer_kubernetes_request_duration_seconds_count{${labels}}`]: values };
}

function answers(status: string, values: string) {
  const labels = `method="GET",route="/train/:job_id",status="${status}",backend="meta"`;
  return { [`trainer_http_request_duration_seconds_count{${labels}}`]: values };
}

function jobs(status: string, reason: string) {
  const labels = `status="${status}",reason="${reason}",backend="meta"`;
  return { [`trainer_jobs_by_reason{${labels}}`]: '1+0x60' };
}
