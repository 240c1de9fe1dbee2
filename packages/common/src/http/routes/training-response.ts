import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { Config } from '../../config.ts';
import type { JobAnswer } from '../../controller/jobs.ts';
import { toRevision } from '../../jobs/history.ts';
import { isTerminal, type JobRecord, type JsonObject } from '../../jobs/job.ts';
import { toJobSummary, toPhases, toTrainingPart } from '../../jobs/job-summary.ts';
import type { JobView } from '../../jobs/observation.ts';
import { type TrainingResponse, TrainingResponseSchema } from '../../requests/training-response.ts';
import { toJsonText } from '../../to-json-text.ts';
import { JobCache } from './job-cache.ts';
import { writeRevisionTag } from './revision-tag.ts';
import { toStaleSince } from './stale-since.ts';

/** Some thousands of jobs, which is more than are polled at a time. */
const MAX_REMEMBERED_LENGTH = 16 * 1024 * 1024;

const Summary = z.compile(TrainingResponseSchema.omit({ metadata: true, phases: true }));
const Phases = z.compile(TrainingResponseSchema.shape.phases);
const Metadata = z.compile(TrainingResponseSchema.shape.metadata.omit({ job_spec: true }));

const json = JSON.stringify;

/** A TrainingResponse of which what is long and the same in every answer is JSON already. */
export type DescribedJob = Omit<TrainingResponse, 'metadata' | 'phases'> & {
  readonly metadata: string;
  readonly phases: string;
};

/** Describes jobs as clients read them. */
export class TrainingResponses {
  readonly #config: Config;
  readonly #metadata = new JobCache<string>({
    maxSize: MAX_REMEMBERED_LENGTH,
    sizeOf: ({ length }) => length,
  });

  readonly #phases = new JobCache<string>({
    maxSize: MAX_REMEMBERED_LENGTH,
    sizeOf: ({ length }) => length,
  });

  /** Of jobs that have ended: an end's result never changes. */
  readonly #results = new JobCache<JsonObject>({
    maxSize: MAX_REMEMBERED_LENGTH,
    sizeOf: (result) => json(result).length,
  });

  constructor(config: Config) {
    this.#config = config;
  }

  /** Frees what is kept of a job that is gone; `name` is its record's. */
  forget(name: string): void {
    this.#metadata.forget(name);
    this.#phases.forget(name);
    this.#results.forget(name);
  }

  /** `detail` is the state's own unless something else is to be said. */
  async describe(
    answer: JobAnswer,
    reply: FastifyReply,
    detail = answer.view.state.detail,
  ): Promise<DescribedJob> {
    const { record } = answer.view;
    const revision = toRevision(record.history);
    reply.header('etag', writeRevisionTag(revision));
    return {
      ...toJobSummary(answer.view),
      revision,
      ...toTrainingPart(answer.view),
      phases: this.#describePhases(answer.view),
      result: await this.#describeResult(answer),
      detail,
      dashboard_url: toDashboardUrl(record, this.#config),
      ...toLinks(record, this.#config),
      ...toStaleSince(answer, reply),
      metadata:
        this.#metadata.get(record, toStamp(record)) ?? (await this.#describeMetadata(answer)),
    };
  }

  #describePhases(view: JobView): string {
    const { record, state, progress } = view;
    // What is seen and not written yet passes.
    if (state !== record.state) return writePhases(view);
    const stamp = `${record.version} ${progress === undefined}`;
    const known = this.#phases.get(record, stamp);
    if (known !== undefined) return known;
    const text = writePhases(view);
    this.#phases.set(record, text, stamp);
    return text;
  }

  async #describeResult({ view, readResult }: JobAnswer): Promise<DescribedJob['result']> {
    const { result } = view.record;
    if (result === undefined) return null;
    if (!isTerminal(view.state.status)) return result;
    const whole = this.#results.get(view.record) ?? (await readResult());
    if (whole !== undefined) this.#results.set(view.record, whole);
    return whole ?? result;
  }

  async #describeMetadata({ view, readPlan }: JobAnswer): Promise<string> {
    const { backend, warnings: own, reported } = view.record;
    const warnings = [...own, ...(reported?.warnings ?? [])];
    const planned = await readPlan();
    const checked = Metadata.parse({ backend, warnings });
    const jobSpec = planned === undefined ? '{}' : toJsonText(planned.echo);
    const text = `{"backend":${json(checked.backend)},"warnings":${json(checked.warnings)},"job_spec":${jobSpec}}`;
    if (planned !== undefined) this.#metadata.set(view.record, text, toStamp(view.record));
    return text;
  }
}

/**
 * The JSON of a TrainingResponse; a route's serializer.
 * @throws ZodError when it is not as the schema says.
 */
export function writeTrainingResponse({ metadata, phases, ...summary }: DescribedJob): string {
  const checked = Summary.parse(summary);
  const staleSince =
    checked.stale_since === undefined ? '' : `"stale_since":${json(checked.stale_since)},`;
  const links = checked.links === undefined ? '' : `"links":${json(checked.links)},`;
  return (
    `{"job_id":${json(checked.job_id)},"backend_job_id":${json(checked.backend_job_id)},` +
    `"status":${json(checked.status)},"reason":${json(checked.reason)},` +
    `"detail":${json(checked.detail)},"revision":${checked.revision},"progress":${json(checked.progress)},` +
    `"phase":${json(checked.phase)},"phases":${phases},` +
    `"checkpoints":${json(checked.checkpoints)},` +
    `"result":${json(checked.result)},` +
    `"timestamps":${json(checked.timestamps)},"dashboard_url":${json(checked.dashboard_url)},` +
    `${links}${staleSince}"metadata":${metadata}}`
  );
}

function writePhases(view: JobView): string {
  return json(Phases.parse(toPhases(view)));
}

/** What metadata are made of: the revision of the plan, and the warnings of the training. */
function toStamp({ planRevision, reported }: JobRecord): string {
  const { attempt = 0, warnings = [] } = reported ?? {};
  return `${planRevision} ${attempt} ${warnings.length}`;
}

function toLinks({ id }: JobRecord, { publicUrl }: Config): Pick<DescribedJob, 'links'> {
  if (publicUrl === undefined) return {};
  const job = `${publicUrl}/train/${encodeURIComponent(id)}`;
  return { links: { events: `${job}/events`, logs: `${job}/logs`, metrics: `${job}/metrics` } };
}

/** By the operator's own template, else the job on the page, where people reach that. */
function toDashboardUrl({ name, id, backend }: JobRecord, config: Config): string | null {
  const { dashboardUrlTemplate, publicUrl, jobsNamespace } = config;
  if (dashboardUrlTemplate === undefined) {
    const job = `${encodeURIComponent(backend)}/${encodeURIComponent(id)}`;
    return publicUrl === undefined ? null : `${publicUrl}/#/jobs/${job}`;
  }
  const values: Record<string, string> = { namespace: jobsNamespace, name, job_id: id };
  return dashboardUrlTemplate.replaceAll(/\{(namespace|name|job_id)\}/g, (_, key: string) =>
    encodeURIComponent(values[key] ?? ''),
  );
}
