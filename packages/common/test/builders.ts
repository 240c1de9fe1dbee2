import { readFileSync } from 'node:fs';
import { type Config, parseConfig } from '../src/config.ts';
import { type BackendTraits, buildJobSpec, type SpecifiedJob } from '../src/jobs/job-spec.ts';
import type { Observation } from '../src/jobs/observation.ts';
import { REQUEST_CREDENTIALS } from '../src/requests/credential-names.ts';
import { createSecretTest } from '../src/requests/credentials.ts';
import { parseTrainingRequest } from '../src/requests/parse-training-request.ts';
import type { TrainingRequest } from '../src/requests/training-request.ts';
import {
  ALL_CAPABILITIES,
  type ClusterCapabilities,
  type RenderedTrainJob,
  renderTrainJob,
} from '../src/runners/kubeflow/trainjob/manifest.ts';

export type Body = Record<string, unknown>;
/** What to put where in a body: `{ 'resources.gpus': 4, 'datasets.0.auth.token': 't' }`. */
export type Changes = Readonly<Record<string, unknown>>;
export type Seen = Extract<Observation, { exists: true }>;

/** A small valid body of `POST /train`. */
export function makeBody(changes: Changes = {}): Body {
  return withChanges(
    {
      job_id: 'job-1',
      base_model: { provider: 'huggingface', model_name: 'meta-llama/Llama-2-7b' },
      datasets: [{ source: 's3://bucket/data.jsonl', format: 'jsonl' }],
      artifacts: { log_uri: 's3://bucket/logs/', output_uri: 's3://bucket/results/' },
    },
    changes,
  );
}

/** The request of the usage guide. */
export function makeGuideBody(changes: Changes = {}): Body {
  const text = readFileSync(new URL('guide-example.json', import.meta.url), 'utf8');
  return withChanges(JSON.parse(text) as Body, changes);
}

/** The normalised request of a body that must be valid. */
export function parseValid(body: Body): TrainingRequest {
  const { violations, request } = parseTrainingRequest(body);
  if (violations.length > 0 || request === undefined) {
    throw new Error(`the body is not valid: ${JSON.stringify(violations)}`);
  }
  return request;
}

export function makeConfig(env: Record<string, string> = {}): Config {
  return parseConfig({ port: 8080, runtimeName: 'test-runtime' }, env);
}

export interface SpecOptions {
  readonly env?: Record<string, string>;
  readonly traits?: Partial<BackendTraits>;
}

/** The job of a valid body, with the values of its secrets. */
export function specify(
  changes: Changes = {},
  { env = {}, traits = {} }: SpecOptions = {},
): SpecifiedJob {
  const backend = { name: 'meta', command: undefined, env: {}, ...traits };
  const request = parseValid(makeBody(changes));
  const fields = REQUEST_CREDENTIALS;
  return buildJobSpec(request, backend, makeConfig(env), fields, createSecretTest(request));
}

/** The TrainJob of a valid body, in the namespace `jobs` of a cluster that can do everything else. */
export function render(
  changes: Changes = {},
  options: SpecOptions = {},
  capabilities: Partial<ClusterCapabilities> = {},
): RenderedTrainJob & Pick<SpecifiedJob, 'secrets'> {
  const { spec, secrets } = specify(changes, options);
  const settings = { ...makeConfig(options.env), jobsNamespace: 'jobs' };
  return { ...renderTrainJob(spec, settings, { ...ALL_CAPABILITIES, ...capabilities }), secrets };
}

/** A run of the record `record-uid`, as a runner sees it. */
export function makeSeen(changes: Partial<Seen> = {}): Seen {
  return {
    exists: true,
    runId: 'run-1',
    recordUid: 'record-uid',
    isStopping: false,
    status: 'running',
    reason: 'RUNNING',
    detail: 'Training is running',
    startedAtMs: undefined,
    endedAtMs: undefined,
    progress: undefined,
    ...changes,
  };
}

function withChanges(body: Body, changes: Changes): Body {
  for (const [path, value] of Object.entries(changes)) {
    const segments = path.split('.');
    const last = segments.pop() as string;
    let target = body;
    for (const segment of segments) {
      target[segment] ??= {};
      target = target[segment] as Body;
    }
    target[last] = value;
  }
  return body;
}
