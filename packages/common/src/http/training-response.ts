import type { Config } from '../config.ts';
import type { JobAnswer } from '../controller/jobs.ts';
import type { JobRecord } from '../job.ts';
import { toJobSummary } from '../job-summary.ts';
import type { TrainingResponse } from '../schemas/training-response.ts';
import { toJobSpecEcho } from '../train-job/job-spec-echo.ts';

/** An answer as clients read it. */
export function toTrainingResponse({ view, plan }: JobAnswer, config: Config): TrainingResponse {
  const { record } = view;
  return {
    ...toJobSummary(view),
    dashboard_url: toDashboardUrl(record, config),
    metadata: {
      backend: record.backend,
      warnings: [...record.warnings],
      job_spec: plan === undefined ? {} : toJobSpecEcho(plan.manifest),
    },
  };
}

function toDashboardUrl({ name, id }: JobRecord, config: Config): string | null {
  const values: Record<string, string> = { namespace: config.jobsNamespace, name, job_id: id };
  return (
    config.dashboardUrlTemplate?.replaceAll(/\{(namespace|name|job_id)\}/g, (_, key: string) =>
      encodeURIComponent(values[key] ?? ''),
    ) ?? null
  );
}
