import { z } from 'zod';
import { ExtraParametersSchema } from './extra-parameters.ts';
import { optional, rewritten, section, withDefault } from './field.ts';
import { JobIdSchema, JobStatusSchema } from './job-status.ts';

export const PROVIDERS = [
  'nemo',
  'nemotron',
  'bim',
  'meta',
  'huggingface',
  'mistral',
  'tii',
  'custom',
] as const;
export const METHODS = ['full', 'lora', 'qlora', 'peft', 'adapter'] as const;

const text = z.string().min(1).max(4096);
/** Forms send an empty text for a field that was left empty. */
const orEmpty = <T extends z.ZodType<string>>(schema: T) =>
  schema.nullish().transform((value) => value || undefined);
const credential = orEmpty(
  z
    .string()
    .max(16_384)
    .regex(/^[^\p{Cc}]*$/u, { error: 'must be one line of text' }),
);
const location = text.regex(/^[^\s\p{Cc}][^\p{Cc}]*$/u, {
  error: 'must be a URI or a path, such as s3://bucket/path',
});
/** Stricter than URL.parse, which repairs what it can: credentials are found by "://" and spaces. */
const WRITTEN_OUT = /^[a-z][a-z0-9+.-]*:\/\/\S+$/i;
const isUrl = 'must be a URL such as https://host/path';
const url = z.url({ error: isUrl, abort: true }).max(4096).regex(WRITTEN_OUT, { error: isUrl });
const fraction = z.number().min(0).max(1);
const positive = z.number().positive();
const count = z.int().min(1);

const BaseModelSchema = z
  .object({
    provider: z.enum(PROVIDERS),
    model_name: text,
    revision: withDefault(text, 'main'),
    weights_url: optional(url),
    auth_token: credential,
    huggingface_token: credential,
  })
  .meta({ id: 'BaseModel' });

const StorageAuthSchema = z
  .object({
    token: credential,
    username: credential,
    password: credential,
    role_arn: optional(text),
    aws_access_key_id: credential,
    aws_secret_access_key: credential,
    aws_session_token: credential,
    aws_region: optional(text),
  })
  .meta({ id: 'StorageAuth' });

const LoraSchema = z.object({
  rank: withDefault(count, 16),
  target_modules: withDefault(z.array(text), []),
  alpha: withDefault(positive, 32),
  dropout: withDefault(fraction, 0.05),
});

const QloraSchema = z.object({
  use_double_quant: withDefault(z.boolean(), true),
  bnb_4bit_compute_dtype: withDefault(z.enum(['float16', 'bfloat16']), 'bfloat16'),
  bnb_4bit_quant_type: withDefault(z.enum(['nf4', 'fp4']), 'nf4'),
});

/** The LoRA settings in their other, flat spelling, with the nested name of each. */
const FLAT_LORA = {
  rank: 'rank',
  target_modules: 'target_modules',
  lora_alpha: 'alpha',
  lora_dropout: 'dropout',
} as const;

const CustomizationSchema = z
  .object({
    method: withDefault(z.enum(METHODS), 'lora'),
    rank: optional(count),
    target_modules: optional(z.array(text)),
    lora_alpha: optional(positive),
    lora_dropout: optional(fraction),
    lora: optional(
      z.object({
        rank: optional(count),
        target_modules: optional(z.array(text)),
        alpha: optional(positive),
        dropout: optional(fraction),
      }),
    ),
    trainable_layers: withDefault(z.array(text), []),
    precision: withDefault(z.enum(['fp32', 'fp16', 'bf16', 'int8']), 'bf16'),
    gradient_checkpointing: optional(z.boolean()),
    qlora: optional(QloraSchema),
    peft: optional(
      z.object({
        use: withDefault(z.boolean(), true),
        config: withDefault(z.record(z.string(), z.unknown()), {}),
      }),
    ),
  })
  .meta({ id: 'Customization' })
  .transform(({ rank, target_modules, lora_alpha, lora_dropout, lora, ...rest }, context) => {
    const flat = { rank, target_modules, lora_alpha, lora_dropout };
    const merged: Record<string, unknown> = { ...lora };
    for (const [name, nested] of Object.entries(FLAT_LORA)) {
      const value = flat[name as keyof typeof flat];
      if (value === undefined) continue;
      if (merged[nested] !== undefined && !isSame(merged[nested], value)) {
        context.addIssue({
          code: 'custom',
          path: [name],
          message: `differs from customization.lora.${nested}; give one of them, or both alike`,
        });
      }
      merged[nested] = value;
    }
    const qlora = rest.method === 'qlora' ? (rest.qlora ?? QloraSchema.parse({})) : undefined;
    return { ...rest, lora: LoraSchema.parse(merged), qlora };
  });

const ResourcesSchema = z
  .object({
    gpus: withDefault(z.int().min(0).max(100_000), 1),
    gpu_type: optional(text.max(63)),
    cpus: withDefault(count.max(100_000), 8),
    memory_gb: withDefault(count.max(1_000_000), 64),
    max_duration_minutes: optional(count.max(525_600)),
  })
  .meta({ id: 'Resources' });

const DatasetSchema = z
  .object({
    source: location,
    format: z.enum(['jsonl', 'parquet', 'csv', 'hf', 'nemo']),
    split: optional(text),
    streaming: withDefault(z.boolean(), false),
    auth: optional(StorageAuthSchema),
  })
  .meta({ id: 'Dataset' });

const ArtifactsSchema = z
  .object({
    log_uri: location,
    output_uri: location,
    status_stream_url: optional(url),
    auth: optional(StorageAuthSchema),
  })
  .meta({ id: 'Artifacts' });

const TuningParametersSchema = z
  .looseObject({
    learning_rate: withDefault(positive, 5e-5),
    batch_size: withDefault(count, 32),
    micro_batch_size: optional(count),
    num_epochs: withDefault(count, 3),
    warmup_ratio: withDefault(fraction, 0.1),
    max_sequence_length: withDefault(count, 2048),
    weight_decay: withDefault(z.number().min(0), 0.01),
    gradient_checkpointing: optional(z.boolean()),
  })
  .meta({ id: 'TuningParameters' });

const CallbacksSchema = z
  .object({
    webhook_url: optional(
      z
        .url({ protocol: /^https?$/, error: 'must be an http or https URL', abort: true })
        .max(4096)
        .regex(WRITTEN_OUT, { error: 'must be an http or https URL' })
        .refine((value) => !hasUserInfo(value), {
          error: 'must hold no user name or password; callbacks.auth_header is the place for them',
        }),
    ),
    auth_header: orEmpty(
      z
        .string()
        .max(8192)
        .regex(/^[\t\x20-\x7e\x80-\xff]*$/, {
          error: 'must be the value of an HTTP header: one line of printable characters',
        }),
    ),
    event_filter: optional(z.array(JobStatusSchema)),
  })
  .meta({ id: 'Callbacks' });

/** The body of `POST /train`: what comes in may hold nulls, what comes out is normalised. */
export const TrainingRequestSchema = z
  .object({
    job_id: JobIdSchema,
    base_model: BaseModelSchema,
    customization: section(CustomizationSchema),
    resources: section(ResourcesSchema),
    datasets: z.array(DatasetSchema).min(1),
    artifacts: ArtifactsSchema,
    tuning_parameters: section(TuningParametersSchema),
    callbacks: optional(CallbacksSchema),
    extra_parameters: section(rewritten(renameCommand, ExtraParametersSchema)),
  })
  .meta({ id: 'TrainingRequest' })
  .transform(({ tuning_parameters, customization, ...rest }, context) => {
    const { gradient_checkpointing: fromTuning, ...tuning } = tuning_parameters;
    const own = customization.gradient_checkpointing;
    if (own !== undefined && fromTuning !== undefined && own !== fromTuning) {
      context.addIssue({
        code: 'custom',
        path: ['tuning_parameters', 'gradient_checkpointing'],
        message: 'differs from customization.gradient_checkpointing; give one, or both alike',
      });
    }
    const gradient_checkpointing = own ?? fromTuning ?? true;
    return {
      ...rest,
      customization: { ...customization, gradient_checkpointing },
      tuning_parameters: tuning as Omit<typeof tuning_parameters, 'gradient_checkpointing'>,
    };
  });

/** A request as a client may write it. */
export type TrainingRequestInput = z.input<typeof TrainingRequestSchema>;
/** A request after validation: every default filled in, no null, both LoRA spellings as `lora`. */
export type TrainingRequest = z.output<typeof TrainingRequestSchema>;
export type StorageAuth = z.output<typeof StorageAuthSchema>;

/** `command` is another name of `trainer_command`. */
function renameCommand(value: unknown, context: z.RefinementCtx): unknown {
  if (typeof value !== 'object' || value === null || !('command' in value)) return value;
  const { command, ...rest } = value as Record<string, unknown>;
  if (command == null) return rest;
  if (rest.trainer_command != null && !isSame(rest.trainer_command, command)) {
    context.addIssue({
      code: 'custom',
      path: ['command'],
      message: 'differs from extra_parameters.trainer_command; give one of them',
    });
  }
  return { ...rest, trainer_command: command };
}

function hasUserInfo(value: string): boolean {
  const parsed = URL.parse(value);
  return parsed !== null && (parsed.username !== '' || parsed.password !== '');
}

function isSame(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
