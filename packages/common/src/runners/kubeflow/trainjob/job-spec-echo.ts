import { redact } from '../../../requests/credentials.ts';
import type { EnvVar } from './environment.ts';
import type { TrainJobManifest } from './manifest.ts';

interface Trainer {
  readonly image?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env: readonly EnvVar[];
  readonly numNodes: number;
  readonly numProcPerNode?: number;
  readonly resourcesPerNode: unknown;
}

/**
 * `metadata.job_spec` of an answer: what the runner was handed, with every credential redacted, also
 * where an earlier version rendered it.
 */
export function toJobSpecEcho(manifest: TrainJobManifest): Record<string, unknown> {
  const { trainer, runtimeRef } = manifest.spec as { trainer: Trainer; runtimeRef: unknown };
  return redact({
    namespace: manifest.metadata.namespace,
    runtime_ref: runtimeRef,
    image: trainer.image ?? null,
    command: trainer.command ?? null,
    args: trainer.args ?? null,
    num_nodes: trainer.numNodes,
    num_proc_per_node: trainer.numProcPerNode ?? null,
    resources_per_node: trainer.resourcesPerNode,
    env_names: trainer.env.map(({ name }) => name),
    train_job: manifest,
  }) as Record<string, unknown>;
}

/**
 * The same for a manifest that was just rendered: its environment, which is nearly all of it, names
 * what is secret by key, so that it need not be looked through again.
 */
export function toRenderedEcho(manifest: TrainJobManifest): Record<string, unknown> {
  const trainer = manifest.spec.trainer as Trainer;
  const { env } = trainer;
  const spec = { ...manifest.spec, trainer: { ...trainer, env: [] } };
  const echo = toJobSpecEcho({ ...manifest, spec });
  const shown = echo.train_job as { spec: { trainer: { env: readonly EnvVar[] } } };
  shown.spec.trainer.env = env;
  echo.env_names = env.map(({ name }) => name);
  return echo;
}
