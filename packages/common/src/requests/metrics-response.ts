import { z } from 'zod';

const SeriesSchema = z
  .object({
    step: z.array(z.int()).describe('Steps of the training'),
    time: z.array(z.number()).describe('When it was measured, UNIX seconds'),
    value: z.array(z.number().nullable()).describe('Null where it was no finite number'),
  })
  .describe('Three lists of one length, by ascending step')
  .meta({ id: 'MetricSeries' });

/** The answer of `GET /train/{job_id}/metrics`: what a training measured over its steps. */
export const MetricsResponseSchema = z
  .object({
    job_id: z.string().describe("The caller's own id of the job"),
    attempt: z.int().describe('Which run of the job measured it, from 1 on'),
    max_steps: z.int().nullable().describe('How many steps the training will have'),
    series: z
      .record(z.string(), SeriesSchema)
      .describe('By metric, such as `loss`, `eval_loss`, `learning_rate`; each has its own steps'),
    downsampled: z
      .enum(['minmax'])
      .nullable()
      .describe(
        'Whether points were left out: `minmax` keeps of each stretch the lowest and the highest',
      ),
    non_finite: z
      .record(z.string(), z.int())
      .describe('How many values were no finite number, of the metrics that had such'),
  })
  .meta({ id: 'Metrics' });
export type MetricsResponse = z.output<typeof MetricsResponseSchema>;
