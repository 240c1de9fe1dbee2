import { describe, expect, test } from 'vitest';
import { ApiError } from '../../kubernetes/api-client.ts';
import { toStartRefusal } from './start-refusal.ts';

const ABSENT_RUNTIME =
  'admission webhook "validator.trainjob.trainer.kubeflow.org" denied the request: spec.RuntimeRef: Invalid value: {"name":"nope","apiGroup":"trainer.kubeflow.org","kind":"ClusterTrainingRuntime"}: ClusterTrainingRuntime.trainer.kubeflow.org "nope" not found: specified clusterTrainingRuntime must be created before the TrainJob is created';
const NO_INITIALIZERS =
  'admission webhook "validator.trainjob.trainer.kubeflow.org" denied the request: [spec.runtimeRef: Invalid value: {"name":"r","kind":"ClusterTrainingRuntime"}: must have dataset-initializer job when trainJob is configured with input datasetConfig, spec.runtimeRef: Invalid value: {"name":"r"}: must have model-initializer job when trainJob is configured with input modelConfig]';
const RBAC =
  'trainjobs.trainer.kubeflow.org is forbidden: User "system:serviceaccount:a:b" cannot create resource "trainjobs" in API group "trainer.kubeflow.org" in the namespace "trainer-jobs"';
const OVER_QUOTA =
  'trainjobs.trainer.kubeflow.org "j" is forbidden: exceeded quota: jobs, requested: count/trainjobs.trainer.kubeflow.org=1, used: count/trainjobs.trainer.kubeflow.org=5, limited: count/trainjobs.trainer.kubeflow.org=5';

function refusal(status: number | undefined, serverMessage?: string, reason?: string) {
  return toStartRefusal(new ApiError('x', { status, serverMessage, reason }));
}

describe('toStartRefusal', () => {
  test.each([
    [
      'a runtime that does not exist',
      403,
      ABSENT_RUNTIME,
      'The cluster refuses the job: spec.RuntimeRef: ClusterTrainingRuntime.trainer.kubeflow.org "nope" not found: specified clusterTrainingRuntime must be created before the TrainJob is created.',
    ],
    [
      'initializers that the runtime lacks',
      403,
      NO_INITIALIZERS,
      'The cluster refuses the job: spec.runtimeRef: must have dataset-initializer job when trainJob is configured with input datasetConfig, spec.runtimeRef: must have model-initializer job when trainJob is configured with input modelConfig.',
    ],
    [
      'a value that the schema forbids, which is not repeated',
      422,
      'TrainJob.trainer.kubeflow.org "j" is invalid: spec.initializer.dataset.storageUri: Invalid value: "bad: \\"pw\\"": storageUri must be a valid URI',
      'The cluster refuses the job: spec.initializer.dataset.storageUri: storageUri must be a valid URI.',
    ],
    [
      'a quota of objects',
      403,
      OVER_QUOTA,
      'The quota jobs is exceeded: requested count/trainjobs.trainer.kubeflow.org=1, used count/trainjobs.trainer.kubeflow.org=5, limited to count/trainjobs.trainer.kubeflow.org=5',
    ],
    [
      'a policy of the cluster',
      422,
      "trainjobs.trainer.kubeflow.org \"j\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: only on weekdays",
      "The cluster refuses the job: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: only on weekdays.",
    ],
  ])('refused: %s', (_, status, message, detail) => {
    expect(refusal(status, message)).toEqual({ kind: 'refused', detail });
  });

  test.each([
    [403, OVER_QUOTA.replace('"j"', '"meta-timeout-vbvg2m7q"')],
    [403, ABSENT_RUNTIME.replaceAll('nope', 'connection-refused-runtime')],
    [403, ABSENT_RUNTIME.replaceAll('nope', 'Timeout: i/o timeout')],
    [
      403,
      'trainjobs "j" is forbidden: ValidatingAdmissionPolicy \'etcdserver\' denied request: no',
    ],
    [
      422,
      'TrainJob "j" is invalid: spec: Invalid value: "service unavailable": must have a timeout',
    ],
    [
      403,
      'resource TrainJob/jobs/j was blocked due to policies: require-timeout: every TrainJob needs a timeout',
    ],
  ])('is not misled by names and values: %s %s', (status, message) => {
    expect(refusal(status, message)).toMatchObject({ kind: 'refused' });
  });

  test('a field that this release does not have', () => {
    const message =
      'TrainJob in version "v1alpha1" cannot be handled as a TrainJob: strict decoding error: unknown field "spec.podSpecOverrides"';
    expect(refusal(400, message)).toEqual({
      kind: 'unknown-field',
      detail: 'The Kubeflow Trainer of this cluster does not know the field spec.podSpecOverrides.',
    });
  });

  test('a TrainJob that is there already', () => {
    expect(refusal(409, 'already exists', 'AlreadyExists')).toEqual({ kind: 'exists' });
  });

  test('what our own account may not do', () => {
    expect(refusal(403, RBAC)).toEqual({ kind: 'forbidden' });
  });

  test.each([
    ['no answer', undefined, undefined],
    ['a webhook that is down', 500, 'Internal error occurred: failed calling webhook "x"'],
    [
      'a webhook that could not look',
      403,
      'admission webhook "v" denied the request: spec.RuntimeRef: Timeout: failed waiting for *v1alpha1.ClusterTrainingRuntime Informer to sync: specified clusterTrainingRuntime must be created',
    ],
    [
      'a namespace that is going away',
      403,
      'trainjobs "j" is forbidden: unable to create new content in namespace x because it is being terminated',
    ],
    [
      'a webhook that is slow',
      500,
      'Internal error occurred: failed calling webhook "x": Post "https://x.svc:443/y?timeout=10s": context deadline exceeded',
    ],
    [
      'an API server that is slow',
      422,
      'Timeout: request did not complete within requested timeout',
    ],
    [
      'a lookup that was slow',
      403,
      'admission webhook "v" denied the request: dial tcp: i/o timeout',
    ],
    ['a proxy', 403, undefined],
    ['an expired identity', 401, 'Unauthorized'],
    ['Kubeflow Trainer not installed', 404, 'the server could not find the requested resource'],
    ['a race over a quota', 409, 'Operation cannot be fulfilled on resourcequotas "q"'],
    ['overload', 429, 'too many requests'],
  ])('unavailable: %s', (_, status, message) => {
    expect(refusal(status, message)).toEqual({ kind: 'unavailable' });
  });
});
