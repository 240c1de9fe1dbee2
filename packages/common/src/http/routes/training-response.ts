import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { Config } from '../../config.ts';
import type { JobAnswer } from '../../controller/job-views.ts';
import type { Jobs } from '../../controller/jobs.ts';
import { toRevision } from '../../jobs/history.ts';
import { isTerminal, type JobRecord, type JobState, type JsonObject } from '../../jobs/job.ts';
import { toJobSummary, toPhases, toTrainingPart } from '../../jobs/job-summary.ts';
import type { JobView } from '../../jobs/observation.ts';
import { withoutUnfit } from '../../jobs/result.ts';
import { type TrainingResponse, TrainingResponseSchema } from '../../requests/training-response.ts';
import { toJsonText } from '../../to-json-text.ts';
import { JobCache } from './job-cache.ts';
import { writeRevisionTag } from './revision-tag.ts';
import { toStaleSince } from './stale-since.ts';
import { type TrainingText, writeSummary } from './training-text.ts';

/** Some thousands of jobs, which is more than are polled at a time. */
const MAX_REMEMBERED_LENGTH = 16 * 1024 * 1024;

const Phases = z.compile(TrainingResponseSchema.shape.phases);
const Metadata = z.compile(TrainingResponseSchema.shape.metadata.omit({ job_spec: true }));

const json = JSON.stringify;

/** The text of an answer, and what it was made of: the same objects make the same text. */
interface KnownText {
  readonly text: Omit<TrainingText, 'progress'>;
  readonly record: JobRecord;
  readonly state: JobState;
  readonly isReporting: boolean;
  readonly reruns: readonly string[];
}

interface ShownResult {
  readonly result: TrainingResponse['result'];
  readonly isWhole: boolean;
}

/** Describes jobs as clients read them. */
export class TrainingResponses {
  readonly #config: Config;
  readonly #jobs: Pick<Jobs, 'rerunsOf'>;
  readonly #metadata = new JobCache<string>({
    maxSize: MAX_REMEMBERED_LENGTH,
    sizeOf: ({ length }) => length,
  });

  readonly #texts = new JobCache<KnownText>({
    maxSize: MAX_REMEMBERED_LENGTH,
    sizeOf: ({ text }) => text.head.length + text.tail.length + text.metadata.length,
  });

  /** Of jobs that have ended: an end's result never changes. */
  readonly #results = new JobCache<JsonObject>({
    maxSize: MAX_REMEMBERED_LENGTH,
    sizeOf: (result) => json(result).length,
  });

  constructor(config: Config, jobs: Pick<Jobs, 'rerunsOf'>) {
    this.#config = config;
    this.#jobs = jobs;
  }

  /** Frees what is kept of a job that is gone; `name` is its record's. */
  forget(name: string): void {
    this.#metadata.forget(name);
    this.#texts.forget(name);
    this.#results.forget(name);
  }

  /** `detail` is the state's own unless something else is to be said. */
  async describe(answer: JobAnswer, reply: FastifyReply, detail?: string): Promise<TrainingText> {
    const { record, progress = null } = answer.view;
    reply.header('etag', writeRevisionTag(toRevision(record.history)));
    if (detail !== undefined || answer.staleSinceMs !== undefined) {
      const stale = toStaleSince(answer, reply);
      const { text } = await this.#write(answer, { ...stale, ...(detail && { detail }) });
      return { ...text, progress };
    }
    const text = this.#findText(answer.view) ?? (await this.#writeUsual(answer));
    return { ...text, progress };
  }

  #findText({ record, state, progress }: JobView): KnownText['text'] | undefined {
    const known = this.#texts.get(record);
    const isSame =
      known?.record === record &&
      known.state === state &&
      known.isReporting === (progress !== undefined) &&
      isSameList(known.reruns, this.#jobs.rerunsOf(record));
    return isSame ? known.text : undefined;
  }

  async #writeUsual(answer: JobAnswer): Promise<KnownText['text']> {
    const { record, state, progress } = answer.view;
    const { text, isWhole, reruns } = await this.#write(answer);
    const isReporting = progress !== undefined;
    if (isWhole) this.#texts.set(record, { text, record, state, isReporting, reruns });
    return text;
  }

  /** All but the progress; not whole where something of the record is not at hand now. */
  async #write(
    answer: JobAnswer,
    further: Partial<Pick<TrainingResponse, 'detail' | 'stale_since'>> = {},
  ): Promise<Pick<KnownText, 'text' | 'reruns'> & { readonly isWhole: boolean }> {
    const { record } = answer.view;
    const { progress: _progress, ...summary } = toJobSummary(answer.view);
    const { result, isWhole: isResultWhole } = await this.#describeResult(answer);
    const reruns = this.#jobs.rerunsOf(record);
    const written = writeSummary({
      ...summary,
      revision: toRevision(record.history),
      ...toTrainingPart(answer.view),
      phases: json(Phases.parse(toPhases(answer.view))),
      result,
      rerun_of: record.rerunOf?.jobId ?? null,
      reruns,
      dashboard_url: toDashboardUrl(record, this.#config),
      ...toLinks(record, this.#config),
      ...further,
    });
    const { metadata, isPlanned } = await this.#describeMetadata(answer);
    return { text: { ...written, metadata }, isWhole: isPlanned && isResultWhole, reruns };
  }

  /** The small form, where the job goes on or the whole is not at hand now. */
  async #describeResult({ view, readResult }: JobAnswer): Promise<ShownResult> {
    const { result } = view.record;
    if (result === undefined) return { result: null, isWhole: true };
    const known = this.#results.get(view.record);
    if (known !== undefined) return { result: known, isWhole: true };
    const whole = isTerminal(view.state.status) ? await readResult() : undefined;
    // An earlier version kept them as they were said.
    const shown = withoutUnfit(whole ?? result);
    if (whole !== undefined) this.#results.set(view.record, shown);
    return { result: shown, isWhole: whole !== undefined };
  }

  /** Without the plan, where that is not at hand now. */
  async #describeMetadata({
    view,
    readPlan,
  }: JobAnswer): Promise<{ readonly metadata: string; readonly isPlanned: boolean }> {
    const stamp = toStamp(view.record);
    const known = this.#metadata.get(view.record, stamp);
    if (known !== undefined) return { metadata: known, isPlanned: true };
    const { backend, warnings: own, reported } = view.record;
    const warnings = [...own, ...(reported?.warnings ?? [])];
    const planned = await readPlan();
    const checked = Metadata.parse({ backend, warnings });
    const jobSpec = planned === undefined ? '{}' : toJsonText(planned.echo);
    const metadata = `{"backend":${json(checked.backend)},"warnings":${json(checked.warnings)},"job_spec":${jobSpec}}`;
    if (planned !== undefined) this.#metadata.set(view.record, metadata, stamp);
    return { metadata, isPlanned: planned !== undefined };
  }
}

function isSameList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((item, index) => item === other[index]);
}

/** What metadata are made of: the revision of the plan, and the warnings of the training. */
function toStamp({ planRevision, reported }: JobRecord): string {
  const { attempt = 0, warnings = [] } = reported ?? {};
  return `${planRevision} ${attempt} ${warnings.length}`;
}

function toLinks({ id }: JobRecord, { publicUrl }: Config): Pick<TrainingResponse, 'links'> {
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
