import { OWN_PREFIX } from '../../requests/kubernetes-names.ts';

/** The names of a record's own annotations, besides the `job-id` of every object of a job. */
export const KEYS = {
  format: `${OWN_PREFIX}format`,
  fingerprint: `${OWN_PREFIX}fingerprint`,
  fingerprint2: `${OWN_PREFIX}fingerprint-2`,
  createdAt: `${OWN_PREFIX}created-at`,
  warnings: `${OWN_PREFIX}warnings`,
  traits: `${OWN_PREFIX}traits`,
  rerunOf: `${OWN_PREFIX}rerun-of`,
  webhook: `${OWN_PREFIX}webhook`,
  webhookOrigin: `${OWN_PREFIX}webhook-origin`,
  callbackRevision: `${OWN_PREFIX}callback-revision`,
  runId: `${OWN_PREFIX}run-id`,
  state: `${OWN_PREFIX}state`,
  delivery: `${OWN_PREFIX}delivery`,
  webhookAuth: `${OWN_PREFIX}webhook-auth`,
  reportToken: `${OWN_PREFIX}report-token-sha256`,
  stopAt: `${OWN_PREFIX}stop-at`,
  result: `${OWN_PREFIX}result`,
  reported: `${OWN_PREFIX}reported`,
  history: `${OWN_PREFIX}history`,
  phases: `${OWN_PREFIX}phases`,
  credentials: `${OWN_PREFIX}credentials`,
  planRevision: `${OWN_PREFIX}plan-revision`,
} as const;

/**
 * Raised when a version must not act on records that a later one wrote, as their annotations then
 * mean something else to it. 1, which had no annotation for it, is that of version 03f9e5d; what was
 * added since (`webhook-origin`, `plan-revision`, `.job-spec.json`) it may ignore.
 */
export const CURRENT_FORMAT = 2;
