import type { FastifyReply } from 'fastify';
import { LRUCache } from 'lru-cache';
import type { Config } from '../../config.ts';
import type { JobAnswer } from '../../controller/jobs.ts';
import type { JobRecord } from '../../jobs/job.ts';
import { toJobSummary } from '../../jobs/job-summary.ts';
import type { TrainingResponse } from '../../requests/training-response.ts';
import { toJobSpecEcho } from '../../runners/kubeflow/trainjob/job-spec-echo.ts';

/** Some thousands of jobs, which is more than are polled at a time. */
const MAX_REMEMBERED_LENGTH = 16 * 1024 * 1024;

/** Answers with what is known of a job, as clients read it. */
export class TrainingResponses {
  readonly #config: Config;
  /** `metadata.job_spec` as JSON by the record's uid: most of an answer, and it never changes. */
  readonly #jobSpecs = new LRUCache<string, string>({
    maxSize: MAX_REMEMBERED_LENGTH,
    sizeCalculation: ({ length }) => length,
  });

  constructor(config: Config) {
    this.#config = config;
  }

  /** `detail` is the state's own unless something else is to be said. */
  async send(
    reply: FastifyReply,
    answer: JobAnswer,
    detail = answer.view.state.detail,
  ): Promise<FastifyReply> {
    const { record } = answer.view;
    const jobSpec = this.#jobSpecs.get(record.uid) ?? (await this.#writeJobSpec(answer));
    const response: TrainingResponse = {
      ...toJobSummary(answer.view),
      detail,
      dashboard_url: toDashboardUrl(record, this.#config),
      metadata: { backend: record.backend, warnings: [...record.warnings], job_spec: {} },
    };
    // It stands last, so that its text can take the place of the empty one.
    const text = `${JSON.stringify(response).slice(0, -'{}}}'.length)}${jobSpec}}}`;
    return reply.type('application/json; charset=utf-8').send(text);
  }

  async #writeJobSpec({ view, readPlan }: JobAnswer): Promise<string> {
    const plan = await readPlan();
    if (plan === undefined) return '{}';
    const text = JSON.stringify(toJobSpecEcho(plan.manifest));
    this.#jobSpecs.set(view.record.uid, text);
    return text;
  }
}

function toDashboardUrl({ name, id }: JobRecord, config: Config): string | null {
  const values: Record<string, string> = { namespace: config.jobsNamespace, name, job_id: id };
  return (
    config.dashboardUrlTemplate?.replaceAll(/\{(namespace|name|job_id)\}/g, (_, key: string) =>
      encodeURIComponent(values[key] ?? ''),
    ) ?? null
  );
}
