import type { ApiError } from '../../kubernetes/api-client.ts';
import { hasPassingCause, toRefusalSentence } from '../../kubernetes/server-sentence.ts';

/** What an error of the POST of a TrainJob means. */
export type StartRefusal =
  /** A TrainJob of that name is there, perhaps by an earlier attempt of the same submission. */
  | { readonly kind: 'exists' }
  /** It will be refused again as long as neither the job nor the cluster changes. */
  | { readonly kind: 'refused'; readonly detail: string }
  /** The same, since the cluster's TrainJobs have other fields than they were known to have. */
  | { readonly kind: 'unknown-field'; readonly detail: string }
  /** Our own account may not create TrainJobs. */
  | { readonly kind: 'forbidden' }
  /** Passing, or the outcome is not known: to be tried again. */
  | { readonly kind: 'unavailable' };

const UNAVAILABLE: StartRefusal = { kind: 'unavailable' };
const UNKNOWN_FIELD = /unknown field "([^"]+)"/;
/** How RBAC refuses; quotas and webhooks answer 403, too. */
const NOT_PERMITTED = /cannot \w+ resource "[^"]+" in API group/;

/** Classifies what the API server, its admission and its webhooks answer to a POST. Pure. */
export function toStartRefusal({ status, reason, serverMessage }: ApiError): StartRefusal {
  if (status === 409) return reason === 'AlreadyExists' ? { kind: 'exists' } : UNAVAILABLE;
  // A proxy or a load balancer may refuse, too, but never with a Status.
  if (serverMessage === undefined || hasPassingCause(serverMessage)) return UNAVAILABLE;
  switch (status) {
    case 400:
    case 413:
    case 422: {
      const field = UNKNOWN_FIELD.exec(serverMessage)?.[1];
      if (field === undefined) return { kind: 'refused', detail: toRefusalSentence(serverMessage) };
      const detail = `The Kubeflow Trainer of this cluster does not know the field ${field}.`;
      return { kind: 'unknown-field', detail };
    }
    case 403:
      if (NOT_PERMITTED.test(serverMessage)) return { kind: 'forbidden' };
      return { kind: 'refused', detail: toRefusalSentence(serverMessage) };
    default:
      return UNAVAILABLE;
  }
}
