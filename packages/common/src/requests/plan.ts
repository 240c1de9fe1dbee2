import { z } from 'zod';

const gib = z.number().min(0);

export const MemoryTermsSchema = z.object({
  weights: gib.describe('The model and, beside it, its adapter'),
  optimizer: gib.describe('What the optimiser keeps of each weight that is trained'),
  gradients: gib.describe('Of each weight that is trained'),
  activations: gib.describe('What one pass over a micro batch of the longest rows keeps'),
  total: gib.describe('The sum'),
});

/** The answer of `POST /plans`: what `POST /train` would make of the same body. */
export const PlanSchema = z
  .object({
    valid: z
      .boolean()
      .describe('Whether `POST /train` would take the request; false with any error'),
    errors: z
      .array(
        z.object({
          path: z.string().describe('Where in the body; empty for the whole'),
          message: z.string().describe('What is wrong, the sentence that `POST /train` answers'),
        }),
      )
      .describe('All that is wrong, up to a hundred'),
    warnings: z.array(z.string()).describe('As `metadata.warnings` of the job would have them'),
    resolved_request: z
      .record(z.string(), z.unknown())
      .nullable()
      .describe(
        'The request with its defaults, without credentials and callbacks; null where the schema refuses a part of it',
      ),
    train_job: z
      .record(z.string(), z.unknown())
      .nullable()
      .describe('The TrainJob, without credentials; null where there would be none'),
    admission: z
      .object({
        accepted: z
          .boolean()
          .nullable()
          .describe(
            'What the cluster says of the TrainJob in a dry run; null where it could not say',
          ),
        detail: z.string().nullable().describe('Why it is not accepted'),
        not_asked: z
          .array(z.string())
          .describe('What was not asked, and may hold the job up all the same'),
      })
      .nullable()
      .describe('Null where nobody was asked, for which `notes` has the reason'),
    estimate: z
      .object({
        memory_gb: MemoryTermsSchema.nullable().describe(
          'GiB of each GPU, as our own runtime trains; null where the size of the model is not known',
        ),
        gpu_memory_gb: gib
          .nullable()
          .describe('GiB of each GPU that was asked for; null where its kind is not known'),
        fits: z
          .boolean()
          .nullable()
          .describe('Whether the sum is at most nine tenths of that; null where either is unknown'),
        parameters: gib.nullable().describe('How many the model has, as its name says'),
        basis: z.enum(['formula', 'unknown']).describe('Where the figures come from'),
        notes: z.array(z.string()).describe('What the figures assume, or why there are none'),
      })
      .nullable()
      .describe('Null where the schema refuses a part of the request'),
    notes: z.array(z.string()).describe('What is not told here, and why'),
  })
  .meta({ id: 'Plan' });
export type PlanAnswer = z.output<typeof PlanSchema>;
