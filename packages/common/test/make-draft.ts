import { type JobDraft, type JobPayload, NO_DELIVERY, toAcceptedState } from '../src/jobs/job.ts';
import { toJobName } from '../src/jobs/job-name.ts';

export const TEST_BACKEND = 'meta';

/** A job that was just accepted. */
export function makeDraft(id: string, changes: Partial<JobDraft> = {}): JobDraft {
  const createdAtMs = 1_700_000_000_123;
  return {
    id,
    name: toJobName(TEST_BACKEND, id),
    backend: TEST_BACKEND,
    fingerprint: 'a'.repeat(43),
    fingerprint2: 'c'.repeat(43),
    createdAtMs,
    warnings: ['customization.lora_rnak is not known; did you mean lora_rank?'],
    hasWebhook: true,
    webhookOrigin: 'https://studio.example',
    runId: undefined,
    planRevision: 0,
    state: toAcceptedState(createdAtMs),
    delivery: NO_DELIVERY,
    areCredentialsGone: false,
    webhookAuth: 'kept',
    ...changes,
  };
}

export function makePayload(changes: Partial<JobPayload> = {}): JobPayload {
  return {
    asked: {
      first: { base_model: { provider: 'meta' }, job_id: 'x' },
      second: { base_model: { provider: 'meta' }, datasets: [], job_id: 'x' },
    },
    plan: { runtime: { name: 'r' }, nodes: 2 },
    echo: { num_nodes: 2 },
    callback: {
      webhookUrl: 'https://studio.example/hook?key=1',
      authHeader: 'Bearer hook-secret',
      eventFilter: ['succeeded', 'failed'],
    },
    secrets: { HF_TOKEN: 'hf_secret', AWS_SECRET_ACCESS_KEY: 'aws_secret' },
    request: {
      body: { job_id: 'x', base_model: { provider: 'meta', huggingface_token: '[redacted]' } },
      withheld: [['base_model', 'huggingface_token']],
      values: ['hf_secret'],
    },
    ...changes,
  };
}
