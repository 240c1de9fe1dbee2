import { z } from 'zod';
import { credential } from './credential-mark.ts';
import { optional, withDefault } from './field.ts';
import { dnsName, MAX_ENTRIES, scalars } from './kubernetes-values.ts';
import { nodeResources } from './node-resources.ts';
import { imagePullSecrets, nodeSelector, tolerations } from './pod-options.ts';
import { trainerVariables } from './trainer-variables.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
const NO_CONTROL = /^[^\x00-\x1f\x7f-\x9f]*$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be there.
const NO_NUL = /^[^\x00]*$/;

const wordShapes = 'must be a list of texts, one for each word';
/** Words of a command line: a list, or one text that needs no shell to be split. */
const words = z
  .union(
    [
      z.array(z.string().regex(NO_NUL, { error: 'must hold no NUL character' })).max(MAX_ENTRIES),
      z
        .string()
        .regex(/^([^\s'"\\`|&;<>]+( +[^\s'"\\`|&;<>]+)*)?$/, { error: wordShapes })
        .transform((text) => (text === '' ? [] : text.split(/ +/))),
    ],
    { error: wordShapes },
  )
  // Clients that build lists send an empty one for none.
  .transform((list) => (list.length === 0 ? undefined : list));

const simulatedSeconds = z.number().min(0).max(31_536_000);

/** What the mock runner is asked to simulate for one job; other runners ignore it. */
export const MockScriptSchema = z.object({
  submitted_seconds: optional(simulatedSeconds).describe('How long the job stays submitted'),
  running_seconds: optional(simulatedSeconds).describe('How long it then runs'),
  outcome: withDefault(z.enum(['succeeded', 'failed', 'never']), 'succeeded').describe(
    'How it ends',
  ),
  reason: optional(z.string().max(500)).describe('Detail of a failure'),
});
export type MockScript = z.output<typeof MockScriptSchema>;

const EvaluationSchema = z.object({
  dataset: optional(z.int().min(0)).describe('Number of the dataset that is held out, from 0'),
  share: optional(z.number().gt(0).lt(1)).describe('Part of the rows that is held out'),
  every: optional(z.int().min(1)).describe('Steps between evaluations; each epoch when not given'),
  early_stopping_patience: optional(z.int().min(1)).describe(
    'The training ends after so many evaluations without a lower loss',
  ),
  keep: withDefault(z.enum(['best', 'last']), 'last').describe('Which weights become the result'),
});

/** Of every service: known keys are checked; any other passes through to the trainer. */
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
    resources_per_node: optional(nodeResources).describe(
      'Kubernetes resources of each node instead of those from `resources`',
    ),
    trainer_command: optional(words).describe(
      "Command instead of the runtime's own; `command` is another name of it",
    ),
    trainer_args: optional(words).describe('Arguments of the command'),
    trainer_env: credential(optional(trainerVariables)).describe(
      'Variables of the training container; their values are treated as credentials',
    ),
    job_labels: optional(scalars).describe('Further labels of the TrainJob'),
    job_annotations: optional(scalars).describe('Further annotations of the TrainJob'),
    model_uri: optional(
      z.string().regex(/^[a-z][a-z0-9+.-]*:\/\/\S+$/, {
        error: 'must be a URI with a scheme, such as hf://org/model or s3://bucket/path',
      }),
    ).describe('Model that is loaded before the training starts'),
    queue_name: optional(
      z.string().regex(/^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/, {
        error: 'must be the name of a Kueue LocalQueue: lower-case letters, digits, "-" and "."',
      }),
    ).describe('Kueue queue that the job waits in'),
    priority_class_name: optional(dnsName).describe(
      "Kueue's priority of the job; needs `queue_name`",
    ),
    node_selector: optional(nodeSelector).describe('Labels of the nodes that the job may run on'),
    tolerations: optional(tolerations).describe(
      "Taints that the job's nodes may have, each with its key",
    ),
    image_pull_secrets: optional(imagePullSecrets).describe(
      "Secrets of the jobs' namespace that hold logins of image registries",
    ),
    evaluation: optional(EvaluationSchema).describe(
      'What is evaluated on, and when; those rows are not trained on',
    ),
    bad_rows: optional(z.enum(['fail', 'skip'])).describe(
      'What becomes of rows that cannot be trained on: `fail`, also when not given, or `skip` up to 1 % of them',
    ),
    resume_from: optional(
      z.string().max(4096).regex(NO_CONTROL, { error: 'must be one line of text' }),
    ).describe(
      "Job whose last checkpoint is gone on from: its id, its result's URI, or a checkpoint's",
    ),
    mock: optional(MockScriptSchema).describe(
      'What the mock runner simulates; other runners ignore it',
    ),
  })
  .meta({ id: 'ExtraParameters' });
export type ExtraParameters = z.output<typeof ExtraParametersSchema>;
