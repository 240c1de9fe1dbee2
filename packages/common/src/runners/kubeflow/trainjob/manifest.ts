import { errors } from '../../../errors.ts';
import { toJobIdHash, toTrainJobName } from '../../../jobs/job-name.ts';
import type { JobSpec } from '../../../jobs/job-spec.ts';
import { replaceUrlSecrets } from '../../../requests/credentials.ts';
import { OWN_PREFIX } from '../../../requests/kubernetes-names.ts';
import { buildEnvironment, type EnvVar } from './environment.ts';

export const BACKEND_LABEL = `${OWN_PREFIX}backend`;
export const JOB_ID_HASH_LABEL = `${OWN_PREFIX}job-id-hash`;
export const JOB_ID_ANNOTATION = `${OWN_PREFIX}job-id`;
const QUEUE_LABEL = 'kueue.x-k8s.io/queue-name';

/** The normalised request travels in one variable, and Linux caps one at 128 KiB. */
export const MAX_REQUEST_BYTES = 96 * 1024;

export const DATASET_STEP = 'dataset-initializer';
export const MODEL_STEP = 'model-initializer';

/** What the place where a job will run can do; a runner knows it. */
export interface TrainJobTarget {
  readonly apiVersion: string;
  readonly namespace: string;
  /** The field of the TrainJob that changes training pods. */
  readonly podPatchField: 'runtimePatches' | 'podTemplateOverrides' | 'podSpecOverrides';
  readonly hasActiveDeadline: boolean;
  /** Names of the runtime's replicated jobs besides the training itself. */
  readonly steps: readonly string[];
}

/** A TrainJob as it is sent, without server-side fields. */
export interface TrainJobManifest {
  readonly apiVersion: string;
  readonly kind: 'TrainJob';
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly Readonly<Record<string, unknown>>[];
  };
  readonly spec: Readonly<Record<string, unknown>>;
}

export interface RenderedTrainJob {
  readonly manifest: TrainJobManifest;
  /** Data of the job's Secret, by key, which the manifest refers to. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

/**
 * Renders a job as a TrainJob (`trainer.kubeflow.org/v1alpha1`). Pure; the manifest holds no
 * credential, only references to single keys of the Secret of the same name.
 * @throws TrainerError PAYLOAD_TOO_LARGE when the normalised request exceeds 96 KiB.
 */
export function renderTrainJob(spec: JobSpec, target: TrainJobTarget): RenderedTrainJob {
  const name = toTrainJobName(spec.backend, spec.jobId);
  const environment = buildEnvironment(spec, name);
  if (Buffer.byteLength(JSON.stringify(spec.request)) > MAX_REQUEST_BYTES) {
    throw errors.requestTooLarge(MAX_REQUEST_BYTES / 1024);
  }
  const { image, nodes, processesPerNode, resourcesPerNode } = spec;
  const { command, args } = environment;
  const deadline = target.hasActiveDeadline ? spec.activeDeadlineSeconds : undefined;
  const initializer = buildInitializer(spec, target, environment);
  const manifest: TrainJobManifest = {
    apiVersion: target.apiVersion,
    kind: 'TrainJob',
    metadata: {
      name,
      namespace: target.namespace,
      labels: {
        ...spec.labels,
        ...(spec.queueName !== undefined && { [QUEUE_LABEL]: spec.queueName }),
        [BACKEND_LABEL]: spec.backend,
        [JOB_ID_HASH_LABEL]: toJobIdHash(spec.backend, spec.jobId),
      },
      annotations: { ...spec.annotations, [JOB_ID_ANNOTATION]: spec.jobId },
    },
    spec: {
      runtimeRef: spec.runtime,
      ...(deadline !== undefined && { activeDeadlineSeconds: deadline }),
      ...(initializer !== undefined && { initializer }),
      trainer: {
        ...(image !== undefined && { image }),
        ...(command !== undefined && { command }),
        ...(args !== undefined && { args }),
        env: environment.variables,
        numNodes: nodes,
        ...(processesPerNode !== undefined && { numProcPerNode: processesPerNode }),
        resourcesPerNode,
      },
      ...buildPodPatch(spec, target),
    },
  };
  const warnings =
    spec.activeDeadlineSeconds !== undefined && !target.hasActiveDeadline
      ? ['resources.max_duration_minutes is ignored, since this cluster cannot limit a TrainJob']
      : [];
  return { manifest, secrets: environment.secrets, warnings };
}

function buildInitializer(
  { request }: JobSpec,
  { steps }: TrainJobTarget,
  { dataset, model }: { dataset: readonly EnvVar[]; model: readonly EnvVar[] },
) {
  const [first, ...further] = request.datasets;
  const { model_uri } = request.extra_parameters;
  const isLoadable = (uri: string | undefined, step: string): uri is string =>
    // This field can be read by many.
    uri !== undefined &&
    /^(s3|hf):\/\//.test(uri) &&
    replaceUrlSecrets(uri, '', '') === uri &&
    steps.includes(step);
  const parts = {
    ...(isLoadable(first?.source, DATASET_STEP) &&
      further.length === 0 && { dataset: toInitializer(first?.source, dataset) }),
    ...(isLoadable(model_uri, MODEL_STEP) && { model: toInitializer(model_uri, model) }),
  };
  return Object.keys(parts).length > 0 ? parts : undefined;
}

/** Without an empty list: Kueue writes a TrainJob back without those, and the field is immutable. */
function toInitializer(storageUri: string | undefined, env: readonly EnvVar[]) {
  return { storageUri, ...(env.length > 0 && { env }) };
}

/** Where the pods run and as whom, in the spelling of the cluster's release. */
function buildPodPatch(
  { placement, serviceAccount }: JobSpec,
  { podPatchField, steps }: TrainJobTarget,
) {
  const training = {
    ...(serviceAccount !== undefined && { serviceAccountName: serviceAccount }),
    ...(placement?.nodeSelector && { nodeSelector: placement.nodeSelector }),
    ...(placement?.tolerations && { tolerations: placement.tolerations }),
  };
  const loading = serviceAccount === undefined ? {} : { serviceAccountName: serviceAccount };
  const pods = [
    { name: 'node', spec: training },
    ...steps.map((name) => ({ name, spec: loading })),
  ].filter(({ spec }) => Object.keys(spec).length > 0);
  if (pods.length === 0) return {};
  switch (podPatchField) {
    case 'runtimePatches': {
      const replicatedJobs = pods.map(({ name, spec }) => ({
        name,
        template: { spec: { template: { spec } } },
      }));
      const trainingRuntimeSpec = { template: { spec: { replicatedJobs } } };
      return { runtimePatches: [{ manager: `${OWN_PREFIX}trainer-api`, trainingRuntimeSpec }] };
    }
    case 'podTemplateOverrides':
      return {
        podTemplateOverrides: pods.map(({ name, spec }) => ({ targetJobs: [{ name }], spec })),
      };
    case 'podSpecOverrides':
      return {
        podSpecOverrides: pods.map(({ name, spec }) => ({ targetJobs: [{ name }], ...spec })),
      };
  }
}
