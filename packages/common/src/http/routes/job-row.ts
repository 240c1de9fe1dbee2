import type { Jobs } from '../../controller/jobs.ts';
import { toDeliveryState } from '../../controller/list-deliveries.ts';
import { toRevision } from '../../jobs/history.ts';
import { toJobSummary, toTrainingPart } from '../../jobs/job-summary.ts';
import type { JobView } from '../../jobs/observation.ts';
import type { JobRow } from '../../requests/job-list.ts';

/** A job as lists show it. */
export function toJobRow(view: JobView, jobs: Pick<Jobs, 'rerunsOf'>): JobRow {
  const { phase } = toTrainingPart(view);
  const { traits } = view.record;
  return {
    ...toJobSummary(view),
    phase,
    revision: toRevision(view.record.history),
    delivery: toDeliveryState(view.record) ?? null,
    model: traits?.model ?? null,
    method: traits?.method ?? null,
    provider: traits?.provider ?? null,
    gpus: traits?.gpus ?? null,
    labels: traits === undefined ? null : { ...traits.labels },
    rerun_of: view.record.rerunOf?.jobId ?? null,
    reruns: jobs.rerunsOf(view.record),
  };
}
