/** Inner parts that pages are compared with and that measurements and chaos runs reach into. */

export { Registry } from 'prom-client';
export type { WebhookPost } from '../src/callbacks/http/webhook-client.ts';
export { createSigner } from '../src/callbacks/signature.ts';
export { systemClock } from '../src/clock.ts';
export { ERRORS } from '../src/error-codes.ts';
export { exampleRequests } from '../src/http/openapi/describe-services.ts';
export { parseEvents } from '../src/jobs/history.ts';
export { type JobDraft, NO_DELIVERY } from '../src/jobs/job.ts';
export { toJobName } from '../src/jobs/job-name.ts';
export type { JobStore, RecordChange } from '../src/jobs/job-store.ts';
export type { Platform } from '../src/jobs/platform.ts';
export { REASONS } from '../src/jobs/reasons.ts';
export { CallMetrics } from '../src/kubernetes/call-metrics.ts';
export { createApiClient } from '../src/kubernetes/http-client.ts';
export { LEASE_SECONDS } from '../src/kubernetes/lease-state.ts';
export { PodLogs } from '../src/runners/kubeflow/logs/pod-logs.ts';
export { CLOSE_TIMEOUT_MS } from '../src/service/start-service.ts';
export { parseRecord } from '../src/stores/secrets/parse-record.ts';
export {
  credentialKeys,
  parseEventSlots,
  type SecretData,
} from '../src/stores/secrets/secret-payload.ts';
