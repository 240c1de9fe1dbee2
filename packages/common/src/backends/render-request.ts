import type { Config } from '../config.ts';
import {
  ALL_CAPABILITIES,
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
  const { spec, secrets, warnings } = backend.prepare(body, config);
  const rendered = renderTrainJob(spec, config, ALL_CAPABILITIES);
  return {
    manifest: rendered.manifest,
    secretKeys: Object.keys(secrets),
    warnings: [...warnings, ...rendered.warnings],
  };
}
