import type { Config, GpuPlacement } from '../../../config.ts';
import { toJobIdHash, toJobName } from '../../../jobs/job-name.ts';
import type { JobSpec } from '../../../jobs/job-spec.ts';
import {
  BACKEND_LABEL,
  JOB_ID_ANNOTATION,
  JOB_ID_HASH_LABEL,
  PRIORITY_LABEL,
  QUEUE_LABEL,
} from '../../../kubernetes/labels.ts';
import { OWN_PREFIX } from '../../../requests/kubernetes-names.ts';
import { buildPodEnvironment, type EnvVar, type PodEnvironment } from './environment.ts';
import { toGracePeriodSeconds, withGrace } from './grace-period.ts';
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
  | 'graceMs'
>;

/** What a cluster's release of Kubeflow Trainer and one of its runtimes can do. */
export interface ClusterCapabilities {
  /** The field of the TrainJob that changes training pods. */
  readonly podPatchField: 'runtimePatches' | 'podTemplateOverrides' | 'podSpecOverrides';
  readonly hasActiveDeadline: boolean;
  /** Whether that field also takes how long a pod has to end. */
  readonly hasGracePeriod: boolean;
  /** Names of the runtime's replicated jobs besides the training itself. */
  readonly steps: readonly string[];
}

/** Those of a cluster of the newest release, with a runtime that has every step. */
export const ALL_CAPABILITIES: ClusterCapabilities = {
  podPatchField: 'runtimePatches',
  hasActiveDeadline: true,
  hasGracePeriod: true,
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
  const { job_labels, job_annotations, queue_name, priority_class_name } = spec.clusterOptions;
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
        ...(queue_name !== undefined && {
          [QUEUE_LABEL]: queue_name,
          ...(priority_class_name !== undefined && { [PRIORITY_LABEL]: priority_class_name }),
        }),
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
        env: withGrace(environment.variables, settings.graceMs),
        numNodes: nodes,
        ...(processesPerNode !== undefined && { numProcPerNode: processesPerNode }),
        resourcesPerNode: toResourcesPerNode(spec),
      },
      ...buildPodPatch(spec, settings, capabilities),
    },
  };
  return { manifest, warnings: describeUnused(spec, settings, capabilities, environment) };
}

/** Sentences about settings of the request that this cluster will not act on. */
function describeUnused(
  { gpuType, deadlineSeconds, sources, clusterOptions }: JobSpec,
  { gpuTypes }: TrainJobSettings,
  { hasActiveDeadline, podPatchField, steps }: ClusterCapabilities,
  environment: PodEnvironment,
): string[] {
  const known = Object.keys(gpuTypes);
  const isMapped = gpuType === undefined || Object.hasOwn(gpuTypes, gpuType);
  const list = known.length > 0 ? `one of ${known.join(', ')}` : 'mapped by TRAINER_GPU_TYPES';
  const hasNoPullSecrets = podPatchField === 'podSpecOverrides';
  return [
    ...describeUnloaded(sources, steps, environment),
    ...(hasNoPullSecrets && clusterOptions.image_pull_secrets !== undefined
      ? [
          'extra_parameters.image_pull_secrets is ignored, since this release of Kubeflow Trainer has no field for it',
        ]
      : []),
    ...(isMapped
      ? []
      : [`resources.gpu_type is not ${list}, so the job may run on any node with GPUs`]),
    ...(deadlineSeconds === undefined || hasActiveDeadline
      ? []
      : ['resources.max_duration_minutes is ignored, since this cluster cannot limit a TrainJob']),
  ];
}

/** What a runtime with initializers leaves to the training itself. */
function describeUnloaded(
  sources: JobSpec['sources'],
  steps: readonly string[],
  environment: PodEnvironment,
): string[] {
  const { dataset, model, others = [] } = sources;
  const datasets = [
    ...others.filter((path) => path.startsWith('datasets')),
    ...(dataset === undefined || isLoadable(dataset, environment.dataset)
      ? []
      : ['datasets[0].source']),
  ];
  const models = [
    ...others.filter((path) => path.startsWith('base_model')),
    ...(model === undefined || isLoadable(model, environment.model)
      ? []
      : ['extra_parameters.model_uri']),
  ];
  return [
    ...(steps.includes(DATASET_STEP) && datasets.length > 0
      ? [
          `${datasets.join(' and ')} must be loaded by the training itself, since the runtime's initializer loads exactly one dataset, from s3:// or hf:// without a credential in the address and without a session token`,
        ]
      : []),
    ...(steps.includes(MODEL_STEP) && models.length > 0
      ? [
          `${models.join(' and ')} must be loaded by the training itself, since the runtime's initializer loads extra_parameters.model_uri only, from s3:// or hf:// without a session token`,
        ]
      : []),
  ];
}

/** Whether Kubeflow's initializers can load it; they take no session token, and may take a role. */
function isLoadable(uri: string | undefined, env: PodEnvironment['dataset']): uri is string {
  if (uri === undefined || !/^(s3|hf):\/\//.test(uri)) return false;
  const hasSession = env.some((each) => each.name === 'SESSION_TOKEN' && !isOptional(each));
  return uri.startsWith('hf:') || !hasSession || env.some(({ name }) => name === 'ROLE_ARN');
}

/** The operator's default Secret may lack it. */
function isOptional(variable: EnvVar): boolean {
  return 'valueFrom' in variable && variable.valueFrom.secretKeyRef.optional === true;
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
  const { dataset, model } = sources;
  const parts = {
    ...(steps.includes(DATASET_STEP) &&
      isLoadable(dataset, environment.dataset) && {
        dataset: toInitializer(dataset, environment.dataset),
      }),
    ...(steps.includes(MODEL_STEP) &&
      isLoadable(model, environment.model) && {
        model: toInitializer(model, environment.model),
      }),
  };
  return Object.keys(parts).length > 0 ? parts : undefined;
}

/** Without an empty list: Kueue writes a TrainJob back without those, and the field is immutable. */
function toInitializer(storageUri: string, env: PodEnvironment['dataset']) {
  return { storageUri, ...(env.length > 0 && { env }) };
}

/** Which job the pods are of, where they run and as whom, in the spelling of the cluster's release. */
function buildPodPatch(
  spec: JobSpec,
  settings: TrainJobSettings,
  { podPatchField, hasGracePeriod, steps }: ClusterCapabilities,
) {
  const { trainingServiceAccount: serviceAccount } = settings;
  const gracePeriod = hasGracePeriod ? toGracePeriodSeconds(settings.graceMs) : undefined;
  const placement = toPlacement(spec, settings);
  const { node_selector, tolerations, image_pull_secrets: pullSecrets } = spec.clusterOptions;
  const hasPullSecrets = pullSecrets !== undefined && podPatchField !== 'podSpecOverrides';
  const training = {
    ...(serviceAccount !== undefined && { serviceAccountName: serviceAccount }),
    ...((placement?.nodeSelector ?? node_selector) && {
      nodeSelector: { ...node_selector, ...placement?.nodeSelector },
    }),
    ...((placement?.tolerations ?? tolerations) && {
      tolerations: [...(placement?.tolerations ?? []), ...(tolerations ?? [])],
    }),
    ...(hasPullSecrets && { imagePullSecrets: pullSecrets.map((name) => ({ name })) }),
    ...(gracePeriod !== undefined && { terminationGracePeriodSeconds: gracePeriod }),
  };
  const loading = serviceAccount === undefined ? {} : { serviceAccountName: serviceAccount };
  const metadata = toPodMetadata(spec);
  const pods = [
    { name: TRAINING_STEP, spec: training },
    ...steps.map((name) => ({ name, spec: loading })),
  ];
  const isChanged = (pod: object) => Object.keys(pod).length > 0;
  switch (podPatchField) {
    case 'runtimePatches': {
      const replicatedJobs = pods.map(({ name, spec }) => {
        const template = { metadata, ...(isChanged(spec) && { spec }) };
        return { name, template: { spec: { template } } };
      });
      const trainingRuntimeSpec = { template: { spec: { replicatedJobs } } };
      return { runtimePatches: [{ manager: `${OWN_PREFIX}trainer-api`, trainingRuntimeSpec }] };
    }
    case 'podTemplateOverrides':
      return {
        podTemplateOverrides: pods.map(({ name, spec }) => {
          return { targetJobs: [{ name }], metadata, ...(isChanged(spec) && { spec }) };
        }),
      };
    case 'podSpecOverrides': {
      // That release changes a pod's spec alone.
      const changed = pods.filter(({ spec }) => isChanged(spec));
      if (changed.length === 0) return {};
      return {
        podSpecOverrides: changed.map(({ name, spec }) => ({ targetJobs: [{ name }], ...spec })),
      };
    }
  }
}

/** By which `kubectl` and log collectors find the pods of a job; ids are too long and odd for a label. */
function toPodMetadata({ backend, jobId }: JobSpec) {
  return {
    labels: { [BACKEND_LABEL]: backend, [JOB_ID_HASH_LABEL]: toJobIdHash(backend, jobId) },
    annotations: { [JOB_ID_ANNOTATION]: jobId },
  };
}
