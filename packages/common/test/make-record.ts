import { randomUUID } from 'node:crypto';
import { type JobPlan, type JobRecord, NO_DELIVERY, toAcceptedState } from '../src/jobs/job.ts';
import { toTrainJobName } from '../src/jobs/job-name.ts';
import { BACKEND_LABEL, type TrainJobManifest } from '../src/runners/kubeflow/trainjob/manifest.ts';

/** A record as a store returns it after `create`. */
export function makeRecord(overrides: Partial<JobRecord> = {}): JobRecord {
  const { backend = 'nemo', id = randomUUID(), createdAtMs = Date.UTC(2026, 0, 1) } = overrides;
  return {
    id,
    backend,
    name: toTrainJobName(backend, id),
    uid: randomUUID(),
    version: '1',
    fingerprint: 'fingerprint',
    createdAtMs,
    warnings: [],
    hasWebhook: false,
    webhookOrigin: undefined,
    runId: undefined,
    state: toAcceptedState(createdAtMs),
    delivery: { ...NO_DELIVERY, settled: 'unwanted' },
    areCredentialsGone: true,
    ...overrides,
  };
}

/** A plan whose manifest has this spec. */
export function makePlan(
  { name, backend }: JobRecord,
  spec: TrainJobManifest['spec'] = {},
  metadata: { namespace?: string; labels?: Record<string, string> } = {},
): JobPlan {
  return {
    asked: {},
    manifest: {
      apiVersion: 'trainer.kubeflow.org/v1alpha1',
      kind: 'TrainJob',
      metadata: {
        name,
        namespace: metadata.namespace ?? 'trainer-jobs',
        labels: { ...metadata.labels, [BACKEND_LABEL]: backend },
        annotations: {},
      },
      spec,
    },
  };
}
