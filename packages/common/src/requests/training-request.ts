import { z } from 'zod';
import { credential } from './credential-mark.ts';
import { DATASET_FORMATS, tellFormat } from './dataset-format.ts';
import { type ExtraParameters, ExtraParametersSchema } from './extra-parameters.ts';
import { optional, rewritten, section, withDefault } from './field.ts';
import { JobIdSchema, JobStatusSchema } from './job-status.ts';
import { DEFAULT_NODE_RESOURCES, findAccelerators } from './node-resources.ts';
import { renameTuning } from './tuning-names.ts';

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

// Patterns of the description must mean the same to JavaScript without flags, Python and RE2.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
const NO_CONTROL = /^[^\x00-\x1f\x7f-\x9f]*$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
const PRINTABLE = /^[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$/;
const text = z.string().min(1).max(4096);
const secretText = credential(
  optional(z.string().max(16_384).regex(NO_CONTROL, { error: 'must be one line of text' })),
);
/** A login is often a plain word. */
const login = credential(secretText.clone(), { isWord: true });
const location = text.regex(PRINTABLE, {
  error: 'must be a URI or a path, such as s3://bucket/path',
});
/** Stricter than URL.parse, which repairs what it can: credentials are found by "://" and spaces. */
const WRITTEN_OUT = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/\S+$/;
const isUrl = 'must be a URL such as https://host/path';
const url = z.url({ error: isUrl, abort: true }).max(4096).regex(WRITTEN_OUT, { error: isUrl });
const fraction = z.number().min(0).max(1);
const positive = z.number().positive();
const count = z.int().min(1);

const BaseModelSchema = z
  .object({
    provider: z.enum(PROVIDERS).describe('Whose model it is; each service takes some of them'),
    model_name: text.describe('Name of the model where the provider keeps it'),
    revision: withDefault(text, 'main').describe('Branch, tag or commit of the model'),
    weights_url: optional(url).describe(
      'Where the weights are, when not at the provider; a credential in it is kept secret',
    ),
    auth_token: secretText.describe('Credential for the model; `huggingface_token` goes before it'),
    huggingface_token: secretText.describe(
      'Credential for Hugging Face, in the container as `HF_TOKEN`',
    ),
  })
  // Python's generated clients derive every class from pydantic's own BaseModel.
  .meta({ id: 'ModelReference' });

const StorageAuthSchema = z
  .object({
    token: secretText.describe('Credential: a bearer token'),
    username: login.describe('Credential: a login'),
    password: secretText.describe('Credential: its password'),
    role_arn: optional(text).describe('AWS role to assume'),
    aws_access_key_id: secretText.describe('Credential: AWS access key'),
    aws_secret_access_key: secretText.describe('Credential: AWS secret key'),
    aws_session_token: secretText.describe('Credential: AWS session token'),
    aws_region: optional(text).describe('AWS region of the bucket'),
  })
  .meta({ id: 'StorageAuth' });

/** A list of modules; an empty one, which the training library refuses, is none. */
const targetModules = rewritten(
  (value) => (value === '' ? [] : value),
  z.union([z.array(text), z.enum(['all-linear'])], {
    error: 'must be a list of module names, or "all-linear"',
  }),
).transform((value) => (value.length === 0 ? undefined : value));

const LoraSchema = z.object({
  rank: withDefault(count, 16),
  target_modules: targetModules
    .nullish()
    .transform((value): string[] | 'all-linear' => value ?? 'all-linear')
    .meta({ default: 'all-linear' }),
  alpha: withDefault(positive, 32),
  dropout: withDefault(fraction, 0.05),
});

const QloraSchema = z.object({
  use_double_quant: withDefault(z.boolean(), true).describe(
    'Quantise the quantisation constants too',
  ),
  bnb_4bit_compute_dtype: withDefault(z.enum(['float16', 'bfloat16']), 'bfloat16').describe(
    'Type that computations are done in',
  ),
  bnb_4bit_quant_type: withDefault(z.enum(['nf4', 'fp4']), 'nf4').describe(
    'Type that weights are kept in',
  ),
});

const Lora = z.compile(LoraSchema);
const Qlora = z.compile(QloraSchema);

/** The LoRA settings in their other, flat spelling, with the nested name of each. */
export const FLAT_LORA = {
  rank: 'rank',
  target_modules: 'target_modules',
  lora_alpha: 'alpha',
  lora_dropout: 'dropout',
} as const;

const CustomizationSchema = z
  .object({
    method: withDefault(z.enum(METHODS), 'lora').describe('How the model is changed'),
    rank: optional(count).describe('LoRA rank; flat spelling of `lora.rank`, 16 without either'),
    target_modules: optional(targetModules).describe(
      'Modules that LoRA changes; flat spelling of `lora.target_modules`, `all-linear` without either',
    ),
    lora_alpha: optional(positive).describe(
      'LoRA scaling; flat spelling of `lora.alpha`, 32 without either',
    ),
    lora_dropout: optional(fraction).describe(
      'LoRA dropout; flat spelling of `lora.dropout`, 0.05 without either',
    ),
    lora: optional(
      z.object({
        rank: optional(count),
        target_modules: optional(targetModules),
        alpha: optional(positive),
        dropout: optional(fraction),
      }),
    ).describe('LoRA settings, nested; each must not differ from its flat spelling'),
    trainable_layers: withDefault(z.array(text), []).describe(
      'Layers to train, by name; none named leaves it to the trainer',
    ),
    precision: withDefault(z.enum(['fp32', 'fp16', 'bf16', 'int8']), 'bf16').describe(
      'Numeric type of the training',
    ),
    gradient_checkpointing: optional(z.boolean()).describe(
      'Compute activations again to save memory; true when not given here or in `tuning_parameters`',
    ),
    qlora: optional(QloraSchema).describe('Used with method `qlora` only'),
    peft: optional(
      z.object({
        use: withDefault(z.boolean(), true),
        config: withDefault(z.record(z.string(), z.unknown()), {}),
      }),
    ).describe('Settings for the PEFT library, passed on as they are'),
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
    const qlora = rest.method === 'qlora' ? (rest.qlora ?? Qlora.parse({})) : undefined;
    // A field that only its schema knows stays, so that what it holds is known wherever it is repeated.
    const filled: z.output<typeof LoraSchema> = { ...merged, ...Lora.parse(merged) };
    return { ...rest, lora: filled, qlora };
  });

const ResourcesSchema = z
  .object({
    gpus: optional(z.int().min(0).max(100_000)).describe(
      'GPUs of the whole job, over all its nodes; must divide evenly by `num_nodes`. What `resources_per_node` names when not given, else 1',
    ),
    gpu_type: optional(text.max(63)).describe(
      'Kind of GPU, as the operator of the service names it',
    ),
    cpus: withDefault(count.max(100_000), DEFAULT_NODE_RESOURCES.cpus).describe(
      'CPUs of each node',
    ),
    memory_gb: withDefault(count.max(1_000_000), DEFAULT_NODE_RESOURCES.memory_gb).describe(
      'Memory of each node, in GiB',
    ),
    max_duration_minutes: optional(count.max(525_600)).describe(
      'The job fails when it runs longer; no limit when not given',
    ),
  })
  .meta({ id: 'Resources' });

const DatasetSchema = z
  .object({
    source: location.describe(
      'URI or path, such as `s3://bucket/data.jsonl` or `hf://org/dataset`',
    ),
    format: optional(z.enum([...DATASET_FORMATS, 'auto'])).describe(
      'How the dataset is written; with `auto`, or without it, the extension or the scheme of the source decides',
    ),
    split: optional(text).describe('Part of the dataset, such as `train`'),
    streaming: withDefault(z.boolean(), false).describe('Read while training instead of before'),
    auth: optional(StorageAuthSchema).describe('Credentials for the dataset'),
  })
  .meta({ id: 'Dataset' })
  .transform(({ format: given, ...rest }, context) => {
    const format = given === undefined || given === 'auto' ? tellFormat(rest.source) : given;
    if (format === undefined) {
      context.addIssue({
        code: 'custom',
        path: ['format'],
        message: `cannot be told from the source; it must be one of ${DATASET_FORMATS.join(', ')}`,
      });
      return z.NEVER;
    }
    return { ...rest, format };
  });

const ArtifactsSchema = z
  .object({
    log_uri: location.describe('Where logs go'),
    output_uri: location.describe('Where the trained model goes'),
    status_stream_url: optional(url).describe('Where the trainer itself may report its progress'),
    auth: optional(StorageAuthSchema).describe(
      'Credentials for logs and outputs; go before those of datasets',
    ),
  })
  .meta({ id: 'Artifacts' });

const TuningParametersSchema = z
  .looseObject({
    learning_rate: withDefault(positive, 5e-5).describe('Step size of the optimiser'),
    batch_size: withDefault(count, 32).describe('Samples for each step, over all GPUs'),
    micro_batch_size: optional(count).describe('Samples for each GPU at a time'),
    num_epochs: withDefault(count, 3).describe('Passes over the data'),
    warmup_ratio: withDefault(fraction, 0.1).describe(
      'Part of the steps in which the learning rate grows',
    ),
    max_sequence_length: withDefault(count, 2048).describe(
      'Tokens of a sample, beyond which it is cut',
    ),
    weight_decay: withDefault(z.number().min(0), 0.01).describe('Regularisation'),
    gradient_checkpointing: optional(z.boolean()).describe(
      'The same as `customization.gradient_checkpointing`',
    ),
  })
  .meta({ id: 'TuningParameters' });

/** What the parts of `callbacks` may be, where they are given. */
export const CALLBACK_FIELDS = {
  webhook_url: z
    .url({ protocol: /^https?$/, error: 'must be an http or https URL', abort: true })
    .max(4096)
    .regex(WRITTEN_OUT, { error: 'must be an http or https URL' })
    .refine((value) => !hasUserInfo(value), {
      error: 'must hold no user name or password; callbacks.auth_header is the place for them',
    }),
  auth_header: z
    .string()
    .max(8192)
    .regex(/^[\t\x20-\x7e\x80-\xff]*$/, {
      error: 'must be the value of an HTTP header: one line of printable characters',
    }),
  event_filter: z.array(JobStatusSchema),
};

const CallbacksSchema = z
  .object({
    webhook_url: optional(CALLBACK_FIELDS.webhook_url).describe(
      'Receives every change of the job, and how it ended',
    ),
    auth_header: credential(optional(CALLBACK_FIELDS.auth_header), { hasScheme: true }).describe(
      'Credential: sent as `Authorization` of each callback',
    ),
    event_filter: optional(CALLBACK_FIELDS.event_filter).describe(
      'Send only these statuses, and the end always; all of them when not given',
    ),
  })
  .meta({ id: 'Callbacks' });

const RequestSchema = z
  .object({
    job_id: JobIdSchema,
    base_model: BaseModelSchema.describe('The model to start from'),
    customization: section(CustomizationSchema).describe('How to train it'),
    resources: section(ResourcesSchema).describe('What the job may use'),
    datasets: z.array(DatasetSchema).min(1).describe('What to train on'),
    artifacts: ArtifactsSchema.describe('Where logs and results go'),
    tuning_parameters: section(rewritten(renameTuning, TuningParametersSchema)).describe(
      'Hyperparameters; keys that are not listed reach the trainer untouched',
    ),
    callbacks: optional(CallbacksSchema).describe('Which webhook receives events of the job'),
    extra_parameters: extrasSection(ExtraParametersSchema),
  })
  .meta({ id: 'TrainingRequest' });

/** The body of `POST /train`: what comes in may hold nulls, what comes out is normalised. */
export const TrainingRequestSchema = normalised(RequestSchema);

/** That schema with further keys of `extra_parameters`, each optional. */
export function withExtraParameters(
  parameters: Readonly<Record<string, z.ZodType>>,
): z.ZodType<TrainingRequest> {
  const extras = ExtraParametersSchema.extend(
    parameters,
  ) as unknown as typeof ExtraParametersSchema;
  return normalised(RequestSchema.extend({ extra_parameters: extrasSection(extras) }));
}

function extrasSection(schema: typeof ExtraParametersSchema) {
  return section(rewritten(renameCommand, schema)).describe(
    'How the job is run; keys that are not listed reach the trainer untouched',
  );
}

function normalised(schema: typeof RequestSchema) {
  return schema.transform(({ tuning_parameters, customization, ...rest }, context) => {
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
    const { resources, extra_parameters } = rest;
    return {
      ...rest,
      resources: { ...resources, gpus: resources.gpus ?? countGpus(extra_parameters) },
      customization: { ...customization, gradient_checkpointing },
      tuning_parameters: tuning,
    };
  });
}

/** The GPUs of a job that does not say how many: as many as its nodes name, else one. */
function countGpus({ resources_per_node, num_nodes }: ExtraParameters): number {
  const counts = [...findAccelerators(resources_per_node).values()];
  if (counts.length === 0) return 1;
  return counts.reduce((sum, count) => sum + count, 0) * num_nodes;
}

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
