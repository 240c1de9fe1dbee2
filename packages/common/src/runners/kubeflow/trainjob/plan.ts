import type { JsonObject, RunnerPlan } from '../../../jobs/job.ts';
import type { PreparedJob } from '../../../jobs/job-runner.ts';
import type { JobSpec } from '../../../jobs/job-spec.ts';
import { toJobSpecEcho, toRenderedEcho } from './job-spec-echo.ts';
import {
  type ClusterCapabilities,
  renderTrainJob,
  type TrainJobManifest,
  type TrainJobSettings,
} from './manifest.ts';

/** The plan of a job that runs as a TrainJob. */
export interface TrainJobPlan {
  readonly manifest: TrainJobManifest;
  /** What the manifest was rendered from; records of version 03f9e5d have none. */
  readonly spec?: JobSpec | undefined;
}

/** Renders the TrainJob of a job, with the spec beside it so that it can be rendered again. Pure. */
export function planTrainJob(
  spec: JobSpec,
  settings: TrainJobSettings,
  capabilities: ClusterCapabilities,
): PreparedJob & { readonly plan: TrainJobPlan } {
  const { manifest, warnings } = renderTrainJob(spec, settings, capabilities);
  return { plan: { manifest, spec }, secrets: {}, warnings, echo: toRenderedEcho(manifest) };
}

/** Keys of the record's data: the manifest under the one that version 03f9e5d reads. */
const MANIFEST_KEY = '.train-job.json';
const SPEC_KEY = '.job-spec.json';

/** How a record keeps such a plan: texts by key, without the echo, which follows from the manifest. */
export const trainJobPlanCodec = {
  encode({ plan }: RunnerPlan): Readonly<Record<string, string>> {
    const { manifest, spec } = plan as unknown as TrainJobPlan;
    return {
      [MANIFEST_KEY]: JSON.stringify(manifest),
      ...(spec !== undefined && { [SPEC_KEY]: JSON.stringify(spec) }),
    };
  },
  /** @throws SyntaxError when the texts are not what `encode` makes. */
  decode(read: (key: string) => string | undefined): RunnerPlan {
    const manifest = JSON.parse(read(MANIFEST_KEY) ?? '') as TrainJobManifest;
    const specText = read(SPEC_KEY);
    const plan: TrainJobPlan = {
      manifest,
      ...(specText !== undefined && { spec: JSON.parse(specText) as JobSpec }),
    };
    return { plan: plan as unknown as JsonObject, echo: toJobSpecEcho(manifest) };
  },
};
