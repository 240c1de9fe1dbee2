import { OWN_PREFIX } from '../requests/kubernetes-names.ts';

/** On every object of a job: which backend's it is. */
export const BACKEND_LABEL = `${OWN_PREFIX}backend`;
/** On every object of a job: finds it by a job id that is too long for a label. */
export const JOB_ID_HASH_LABEL = `${OWN_PREFIX}job-id-hash`;
/** The caller's own id, whole. */
export const JOB_ID_ANNOTATION = `${OWN_PREFIX}job-id`;
/** Kueue's label for the order in a queue. */
export const PRIORITY_LABEL = 'kueue.x-k8s.io/priority-class';
/** Kueue's label for the LocalQueue that a job waits in. */
export const QUEUE_LABEL = 'kueue.x-k8s.io/queue-name';
