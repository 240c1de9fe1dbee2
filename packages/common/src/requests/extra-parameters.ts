import { z } from 'zod';
import { credential } from './credential-mark.ts';
import { optional, withDefault } from './field.ts';

const QUANTITY = /^(\d+(\.\d*)?|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?$/;

const dnsName = z.string().regex(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, {
  error: 'must be a Kubernetes name: lower-case letters, digits, "-" and "."',
});

const quantity = z
  .union([z.number().min(0).transform(String), z.string().regex(QUANTITY)], {
    error: 'must be a Kubernetes quantity such as 8, "500m" or "64Gi"',
  })
  .meta({ examples: ['64Gi'] });
const quantities = z.record(z.string().min(1), quantity);

/** Labels, annotations and variables are texts; numbers and booleans are written as such. */
const scalar = z.union([z.string(), z.number().transform(String), z.boolean().transform(String)], {
  error: 'must be a text, a number or a boolean',
});
const scalars = z.record(z.string().min(1), scalar);

/** Of words and variables; each is compared with each to find credentials in plain sight. */
const MAX_ENTRIES = 1000;

// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be there.
const NO_NUL = /^[^\x00]*$/;

/** Words of a command line: a list, or one text that needs no shell to be split. */
const words = z
  .union(
    [
      z.array(z.string().regex(NO_NUL)).max(MAX_ENTRIES),
      z
        .string()
        .regex(/^([^\s'"\\`|&;<>]+( +[^\s'"\\`|&;<>]+)*)?$/)
        .transform((text) => (text === '' ? [] : text.split(/ +/))),
    ],
    { error: 'must be a list of texts, one for each word' },
  )
  // Clients that build lists send an empty one for none.
  .transform((list) => (list.length === 0 ? undefined : list));

/** A key of a Secret in the jobs' namespace, as Kubernetes spells it. */
const secretKey = z.strictObject({
  secretKeyRef: z.strictObject({ name: dnsName, key: z.string().regex(/^[-._a-zA-Z0-9]{1,253}$/) }),
});
/** A variable whose value stands in a Secret that the request does not bring. */
export interface SecretVariable {
  readonly valueFrom: z.output<typeof secretKey>;
}
const variable = z.union([...scalar.options, z.strictObject({ valueFrom: secretKey })]);

const environment = z
  .union(
    [
      z.record(z.string(), variable.nullable()),
      z.array(
        z.object({ name: z.string(), value: scalar.nullish(), valueFrom: secretKey.nullish() }),
      ),
    ],
    {
      error:
        'must map names to texts, or be a list of {"name": …, "value": …}, where {"valueFrom": {"secretKeyRef": {"name": …, "key": …}}} may stand for a value',
    },
  )
  .transform((given, context) => {
    const pairs = Array.isArray(given)
      ? given.map(({ name, value, valueFrom }): [string, string | SecretVariable] => {
          if (valueFrom == null) return [name, value ?? ''];
          if (value != null) {
            const message = `must give ${name.slice(0, 80)} a value or a valueFrom, not both`;
            context.addIssue({ code: 'custom', message });
          }
          return [name, { valueFrom }];
        })
      : Object.entries(given).filter(
          (pair): pair is [string, string | SecretVariable] => pair[1] !== null,
        );
    for (const [name, value] of pairs) {
      if (typeof value === 'string' && value.includes('\0')) {
        const message = `must give ${name.slice(0, 80)} a value without NUL characters, which no variable can hold`;
        context.addIssue({ code: 'custom', message });
      }
    }
    if (pairs.length > MAX_ENTRIES) {
      context.addIssue({ code: 'custom', message: `must hold at most ${MAX_ENTRIES} variables` });
    }
    if (new Set(pairs.map(([name]) => name)).size < pairs.length) {
      context.addIssue({ code: 'custom', message: 'must not name a variable twice' });
    }
    return Object.fromEntries<string | SecretVariable>(pairs);
  });

const resourceShapes =
  'must be {"requests": {…}, "limits": {…}} or one map of both, with quantities such as 8 or "64Gi"';
/** `{requests, limits}`, or one flat map that is both. */
const resourcesPerNode = z
  .union(
    [
      z.strictObject(
        { requests: quantities.optional(), limits: quantities.optional() },
        { error: resourceShapes },
      ),
      quantities.transform((flat) => ({ requests: flat, limits: flat })),
    ],
    { error: resourceShapes },
  )
  .meta({ examples: [{ requests: { cpu: '8' }, limits: { 'nvidia.com/gpu': '2' } }] });

const simulatedSeconds = z.number().min(0).max(31_536_000);

/** What the mock runner is asked to play for one job; other runners ignore it. */
export const MockScriptSchema = z.object({
  submitted_seconds: optional(simulatedSeconds).describe('How long the job stays submitted'),
  running_seconds: optional(simulatedSeconds).describe('How long it then runs'),
  outcome: withDefault(z.enum(['succeeded', 'failed', 'never']), 'succeeded').describe(
    'How it ends',
  ),
  reason: optional(z.string().max(500)).describe('Detail of a failure'),
});
export type MockScript = z.output<typeof MockScriptSchema>;

export const UnslothOptionsSchema = z.looseObject({
  optimize_long_context: withDefault(z.boolean(), true).describe(
    'Trade speed for longer sequences',
  ),
  quantization: withDefault(z.string().min(1), 'bnb-nf4').describe('How weights are quantised'),
  gradient_accumulation: withDefault(z.int().min(1), 4).describe(
    'Steps whose gradients are added up',
  ),
});

/** Known keys are checked; any other passes through to the trainer. */
export const ExtraParametersSchema = z
  .looseObject({
    runtime_ref: optional(
      z.object({
        name: dnsName,
        kind: optional(z.enum(['ClusterTrainingRuntime', 'TrainingRuntime'])),
        apiGroup: optional(dnsName),
      }),
    ).describe("Kubeflow runtime instead of the service's own"),
    container_image: optional(
      z.string().regex(/^[^\s@/][^\s]{0,499}$/, {
        error: 'must be an image reference such as registry.example/team/image:1.2',
      }),
    ).describe("Image instead of the runtime's own"),
    num_nodes: withDefault(z.int().min(1).max(10_000), 1).describe('Nodes that train together'),
    num_proc_per_node: optional(z.int().min(1).max(10_000)).describe(
      'Processes on each node; one for each of its GPUs when not given',
    ),
    resources_per_node: optional(resourcesPerNode).describe(
      'Kubernetes resources of each node instead of those from `resources`',
    ),
    trainer_command: optional(words).describe(
      "Command instead of the runtime's own; `command` is another name of it",
    ),
    trainer_args: optional(words).describe('Arguments of the command'),
    trainer_env: credential(optional(environment)).describe(
      'Variables of the training container; their values are treated as credentials',
    ),
    job_labels: optional(scalars).describe('Further labels of the TrainJob'),
    job_annotations: optional(scalars).describe('Further annotations of the TrainJob'),
    model_uri: optional(
      z.string().regex(/^[a-z][a-z0-9+.-]*:\/\/\S+$/, {
        error: 'must be a URI with a scheme, such as hf://org/model or s3://bucket/path',
      }),
    ).describe('Model that is loaded before the training starts'),
    executor: optional(
      z
        .string()
        .regex(/^[A-Za-z0-9._/-]{1,200}$/, { error: 'must be one program such as torchrun' }),
    ).describe('Launcher of `trainer_args`; the meta service only'),
    unsloth: optional(UnslothOptionsSchema).describe(
      'Options of Unsloth, in the container as `UNSLOTH_OPTIONS_JSON`',
    ),
    queue_name: optional(
      z.string().regex(/^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/, {
        error: 'must be the name of a Kueue LocalQueue: lower-case letters, digits, "-" and "."',
      }),
    ).describe('Kueue queue that the job waits in'),
    mock: optional(MockScriptSchema).describe(
      'What the mock runner plays; other runners ignore it',
    ),
  })
  .meta({ id: 'ExtraParameters' });
export type ExtraParameters = z.output<typeof ExtraParametersSchema>;
