import type { Config } from '../config.ts';
import {
  DATASET_STEP,
  MODEL_STEP,
  renderTrainJob,
  type TrainJobManifest,
} from '../runners/kubeflow/trainjob/manifest.ts';
import type { BaseTrainerBackend } from './base-trainer-backend.ts';

export interface RenderedRequest {
  readonly manifest: TrainJobManifest;
  /** Keys of the job's Secret, of the same name, that the manifest refers to. */
  readonly secretKeys: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * The TrainJob that a service of `backend` makes of a body, for a cluster that can do everything.
 * Pure; holds no credential.
 * @throws TrainerError as `POST /train` does.
 */
export function renderRequest(
  backend: BaseTrainerBackend,
  body: unknown,
  config: Config,
): RenderedRequest {
  const submission = backend.prepare(body, config);
  const { manifest, secrets, warnings } = renderTrainJob(submission.spec, {
    apiVersion: config.trainJobApiVersion,
    namespace: config.jobsNamespace,
    podPatchField: 'runtimePatches',
    hasActiveDeadline: true,
    steps: [DATASET_STEP, MODEL_STEP],
  });
  return {
    manifest,
    secretKeys: Object.keys(secrets),
    warnings: [...submission.warnings, ...warnings],
  };
}
