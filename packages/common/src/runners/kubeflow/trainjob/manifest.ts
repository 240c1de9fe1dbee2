import type { Config, GpuPlacement } from '../../../config.ts';
import { toJobIdHash, toJobName } from '../../../jobs/job-name.ts';
import type { JobSpec } from '../../../jobs/job-spec.ts';
import {
  BACKEND_LABEL,
  JOB_ID_ANNOTATION,
  JOB_ID_HASH_LABEL,
  QUEUE_LABEL,
} from '../../../kubernetes/labels.ts';
import { OWN_PREFIX } from '../../../requests/kubernetes-names.ts';
import { buildPodEnvironment, type PodEnvironment } from './environment.ts';
import { DATASET_STEP, MODEL_STEP, TRAINING_STEP } from './replicated-jobs.ts';
import { toResourcesPerNode } from './resources.ts';

/** What the operator set for every TrainJob. */
export type TrainJobSettings = Pick<
  Config,
  | 'jobsNamespace'
  | 'trainJobApiVersion'
  | 'runtime'
  | 'gpuTypes'
  | 'trainingServiceAccount'
  | 'defaultCredentialsSecret'
>;

/** What a cluster's release of Kubeflow Trainer and one of its runtimes can do. */
export interface ClusterCapabilities {
  /** The field of the TrainJob that changes training pods. */
  readonly podPatchField: 'runtimePatches' | 'podTemplateOverrides' | 'podSpecOverrides';
  readonly hasActiveDeadline: boolean;
  /** Names of the runtime's replicated jobs besides the training itself. */
  readonly steps: readonly string[];
}

/** Those of a cluster of the newest release, with a runtime that has every step. */
export const ALL_CAPABILITIES: ClusterCapabilities = {
  podPatchField: 'runtimePatches',
  hasActiveDeadline: true,
  steps: [DATASET_STEP, MODEL_STEP],
};

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
  readonly warnings: readonly string[];
}

export type RuntimeRef = TrainJobSettings['runtime'];

/** The runtime of a job: the one that its request names, else the operator's. */
export function toRuntimeRef(spec: JobSpec, { runtime }: TrainJobSettings): RuntimeRef {
  const { name, kind, apiGroup } = spec.clusterOptions.runtime_ref ?? runtime;
  return { name, kind: kind ?? runtime.kind, apiGroup: apiGroup ?? runtime.apiGroup };
}

/**
 * Renders a job as a TrainJob (`trainer.kubeflow.org/v1alpha1`). Pure; the manifest holds no
 * credential, only references to single keys of the Secret of the same name.
 */
export function renderTrainJob(
  spec: JobSpec,
  settings: TrainJobSettings,
  capabilities: ClusterCapabilities,
): RenderedTrainJob {
  const name = toJobName(spec.backend, spec.jobId);
  const { job_labels, job_annotations, queue_name } = spec.clusterOptions;
  const environment = buildPodEnvironment(spec, {
    secretName: name,
    defaultSecret: settings.defaultCredentialsSecret,
  });
  const { image, nodes, processesPerNode } = spec;
  const { command, args } = environment;
  const deadline = capabilities.hasActiveDeadline ? spec.deadlineSeconds : undefined;
  const initializer = buildInitializer(spec, capabilities, environment);
  const manifest: TrainJobManifest = {
    apiVersion: settings.trainJobApiVersion,
    kind: 'TrainJob',
    metadata: {
      name,
      namespace: settings.jobsNamespace,
      labels: {
        ...job_labels,
        ...(queue_name !== undefined && { [QUEUE_LABEL]: queue_name }),
        [BACKEND_LABEL]: spec.backend,
        [JOB_ID_HASH_LABEL]: toJobIdHash(spec.backend, spec.jobId),
      },
      annotations: { ...job_annotations, [JOB_ID_ANNOTATION]: spec.jobId },
    },
    spec: {
      runtimeRef: toRuntimeRef(spec, settings),
      ...(deadline !== undefined && { activeDeadlineSeconds: deadline }),
      ...(initializer !== undefined && { initializer }),
      trainer: {
        ...(image !== undefined && { image }),
        ...(command !== undefined && { command }),
        ...(args !== undefined && { args }),
        env: environment.variables,
        numNodes: nodes,
        ...(processesPerNode !== undefined && { numProcPerNode: processesPerNode }),
        resourcesPerNode: toResourcesPerNode(spec),
      },
      ...buildPodPatch(settings, toPlacement(spec, settings), capabilities),
    },
  };
  return { manifest, warnings: describeUnused(spec, settings, capabilities) };
}

/** Sentences about settings of the request that this cluster will not act on. */
function describeUnused(
  { gpuType, deadlineSeconds }: JobSpec,
  { gpuTypes }: TrainJobSettings,
  { hasActiveDeadline }: ClusterCapabilities,
): string[] {
  const known = Object.keys(gpuTypes);
  const isMapped = gpuType === undefined || Object.hasOwn(gpuTypes, gpuType);
  return [
    ...(isMapped || known.length === 0
      ? []
      : [
          `resources.gpu_type is not one of ${known.join(', ')}, so the job may run on any node with GPUs`,
        ]),
    ...(deadlineSeconds === undefined || hasActiveDeadline
      ? []
      : ['resources.max_duration_minutes is ignored, since this cluster cannot limit a TrainJob']),
  ];
}

function toPlacement(
  { gpuType }: JobSpec,
  { gpuTypes }: TrainJobSettings,
): GpuPlacement | undefined {
  // A type may be any text, so `constructor` too.
  return gpuType !== undefined && Object.hasOwn(gpuTypes, gpuType) ? gpuTypes[gpuType] : undefined;
}

function buildInitializer(
  { sources }: JobSpec,
  { steps }: ClusterCapabilities,
  environment: PodEnvironment,
) {
  const isLoadable = (uri: string | undefined, step: string): uri is string =>
    uri !== undefined && /^(s3|hf):\/\//.test(uri) && steps.includes(step);
  const parts = {
    ...(isLoadable(sources.dataset, DATASET_STEP) && {
      dataset: toInitializer(sources.dataset, environment.dataset),
    }),
    ...(isLoadable(sources.model, MODEL_STEP) && {
      model: toInitializer(sources.model, environment.model),
    }),
  };
  return Object.keys(parts).length > 0 ? parts : undefined;
}

/** Without an empty list: Kueue writes a TrainJob back without those, and the field is immutable. */
function toInitializer(storageUri: string, env: PodEnvironment['dataset']) {
  return { storageUri, ...(env.length > 0 && { env }) };
}

/** Where the pods run and as whom, in the spelling of the cluster's release. */
function buildPodPatch(
  { trainingServiceAccount: serviceAccount }: TrainJobSettings,
  placement: GpuPlacement | undefined,
  { podPatchField, steps }: ClusterCapabilities,
) {
  const training = {
    ...(serviceAccount !== undefined && { serviceAccountName: serviceAccount }),
    ...(placement?.nodeSelector && { nodeSelector: placement.nodeSelector }),
    ...(placement?.tolerations && { tolerations: placement.tolerations }),
  };
  const loading = serviceAccount === undefined ? {} : { serviceAccountName: serviceAccount };
  const pods = [
    { name: TRAINING_STEP, spec: training },
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
