import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Jobs } from '../../controller/jobs.ts';
import { type JobMetrics, reduceMetrics, toMetricsJson } from '../../jobs/job-metrics.ts';
import type { MetricsReader } from '../../reports/metrics-reader.ts';
import { repeatable } from '../../requests/field.ts';
import { MetricsResponseSchema } from '../../requests/metrics-response.ts';
import { TOKEN_SECURITY } from '../openapi/problem-responses.ts';
import { JOB_PROBLEMS, type JobParams, Params } from './job-params.ts';

const DEFAULT_POINTS = 500;
const MIN_POINTS = 4;
const MAX_POINTS = 512;

const Query = z.object({
  name: repeatable(z.array(z.string().max(64)).max(256)).describe(
    'Only this metric; may be given several times',
  ),
  from_step: z.coerce.number().int().min(0).default(0).describe('Leaves out what came before'),
  max_points: z.coerce
    .number()
    .int()
    .min(MIN_POINTS)
    .max(MAX_POINTS)
    .default(DEFAULT_POINTS)
    .describe('Of each series'),
});

export interface GetJobMetricsParts {
  readonly jobs: Jobs;
  readonly jobMetrics: MetricsReader;
}

/** `GET /train/{job_id}/metrics`. */
export function registerGetJobMetrics(app: FastifyInstance, parts: GetJobMetricsParts): void {
  app.get<JobParams & { Querystring: z.output<typeof Query> }>('/train/:job_id/metrics', {
    schema: {
      tags: ['jobs'],
      security: TOKEN_SECURITY,
      operationId: 'getJobMetrics',
      summary: 'Show what a job measured while it trained',
      description:
        'Without anything measured, `series` is empty. What a replica has learnt reaches the others within five minutes, and with the end of the job; the whole is `metrics.jsonl` beside the model.',
      params: Params,
      querystring: Query,
      response: { 200: MetricsResponseSchema.describe('What was measured') },
      problems: JOB_PROBLEMS,
    },
    handler: async ({ params, query }) => {
      const { record } = (await parts.jobs.get(params.job_id)).view;
      const known = await parts.jobMetrics.read(record);
      const metrics = reduceMetrics(choose(known, query), query.max_points);
      const downsampled = metrics.isReduced ? ('minmax' as const) : null;
      return { job_id: record.id, ...toMetricsJson(metrics), downsampled };
    },
  });
}

/** The series and the points that were asked for. */
function choose(
  metrics: JobMetrics,
  { name, from_step: from }: z.output<typeof Query>,
): JobMetrics {
  const isWanted = (known: string) => name === undefined || name.includes(known);
  const series = [...metrics.series].flatMap(([known, { step, time, value }]) => {
    if (!isWanted(known)) return [];
    const first = step.findIndex((at) => at >= from);
    if (first < 0) return [];
    const [steps, times, values] = [step, time, value].map((list) => list.slice(first));
    return [[known, { step: steps ?? [], time: times ?? [], value: values ?? [] }] as const];
  });
  const nonFinite = [...metrics.nonFinite].filter(([known]) => isWanted(known));
  return { ...metrics, series: new Map(series), nonFinite: new Map(nonFinite) };
}
