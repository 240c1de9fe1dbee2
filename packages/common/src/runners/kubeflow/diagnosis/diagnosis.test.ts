import { describe, expect, test } from 'vitest';
import { makeEvent, makePod } from '../../../../test/make-pod.ts';
import type { Diagnosis } from '../status/diagnoses.ts';
import { diagnose } from './diagnosis.ts';

const NO_ROOM =
  '0/46 nodes are available: 10 node(s) had untolerated taint(s), 36 Insufficient nvidia.com/gpu. preemption: 0/46 nodes are available: 46 Preemption is not helpful for scheduling.';
const OVER_QUOTA =
  'Error creating: pods "j-node-0-0-x" is forbidden: exceeded quota: gpus, requested: requests.nvidia.com/gpu=2, used: requests.nvidia.com/gpu=1, limited: requests.nvidia.com/gpu=2';
const REFUSED_JOB_SET =
  'TrainJob resources reconciliation failed: admission webhook "vjobset.kb.io" denied the request: JobSet.jobset.x-k8s.io "j" is invalid: <nil>: Internal error: invalid replicatedJob name';

const READY_TO_START = {
  ...{ type: 'PodReadyToStartContainers', status: 'True' },
  lastTransitionTime: '2026-01-01T00:00:03Z',
};

/** A finding with what the container said behind `|`, as it said it. */
function say(found: Diagnosis | undefined): string | undefined {
  if (found === undefined) return undefined;
  const { reason, detail, lastWords } = found;
  return `${reason}: ${detail}${lastWords === undefined ? '' : `|${lastWords}`}`;
}

function show(pods: Parameters<typeof diagnose>[0], events: Parameters<typeof diagnose>[1] = []) {
  const { waiting, failure } = diagnose(pods, events);
  return { waiting: say(waiting), failure: say(failure) };
}

describe('of pods that wait', () => {
  test.each([
    ['a healthy one', makePod().running(), undefined],
    [
      'no node has room',
      makePod().unschedulable(NO_ROOM),
      'INSUFFICIENT_RESOURCES: No node can take the job yet: 0/46 nodes are available: 10 node(s) had untolerated taint(s), 36 Insufficient nvidia.com/gpu.',
    ],
    ...[
      '0/46 nodes are available: pod has unbound immediate PersistentVolumeClaims.',
      '0/46 nodes are available: persistentvolumeclaim "outputs" not found.',
      "0/46 nodes are available: 46 node(s) didn't find available persistent volumes to bind.",
    ].map((message): [string, ReturnType<typeof makePod>, string] => [
      `a claim that nothing binds: ${message.slice(28, 60)}`,
      makePod().unschedulable(`${message} preemption: 0/46 nodes are available`),
      `VOLUME_UNBOUND: Nothing has bound a volume of the job yet: ${message}`,
    ]),
    [
      'volumes and room are missing',
      makePod().unschedulable(
        "0/46 nodes are available: 6 Insufficient nvidia.com/gpu, 40 node(s) didn't find available persistent volumes to bind.",
      ),
      "INSUFFICIENT_RESOURCES: No node can take the job yet: 0/46 nodes are available: 6 Insufficient nvidia.com/gpu, 40 node(s) didn't find available persistent volumes to bind.",
    ],
    [
      'an image that does not exist',
      makePod().container({ waiting: { reason: 'ErrImagePull', message: 'not found' } }),
      'IMAGE_PULL_FAILED: The image registry.example/train:1 cannot be pulled: not found',
    ],
    [
      'a Secret that does not exist',
      makePod().container({
        waiting: { reason: 'CreateContainerConfigError', message: 'secret "x" not found' },
      }),
      'POD_BLOCKED: The container node cannot be started yet|secret "x" not found',
    ],
    [
      'a container being made',
      makePod().container({ waiting: { reason: 'ContainerCreating' } }),
      undefined,
    ],
    [
      'an image being pulled',
      makePod()
        .container({ waiting: { reason: 'ContainerCreating' } })
        .status({ conditions: [READY_TO_START] }),
      'IMAGE_PULLING: The image registry.example/train:1 is being pulled, since 2026-01-01T00:00:03Z',
    ],
    [
      'an image of what comes first',
      makePod()
        .container({ waiting: { reason: 'PodInitializing' } })
        .status({
          conditions: [READY_TO_START],
          initContainerStatuses: [
            {
              ...{ name: 'first', image: 'registry.example/first:1' },
              state: { waiting: { reason: 'PodInitializing' } },
            },
          ],
        }),
      'IMAGE_PULLING: The image registry.example/first:1 is being pulled, since 2026-01-01T00:00:03Z',
    ],
    [
      'a container made after another one',
      makePod().status({
        conditions: [READY_TO_START],
        containerStatuses: [
          { name: 'other', state: { running: {} } },
          { name: 'node', state: { waiting: { reason: 'ContainerCreating' } } },
        ],
      }),
      undefined,
    ],
    [
      'a container that is restarted in place',
      makePod()
        .status({ phase: 'Running' })
        .container(
          { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } },
          { lastState: { terminated: { exitCode: 2, reason: 'Error', message: 'bad config' } } },
        ),
      'POD_FAILED: The container node keeps failing with exit code 2|bad config',
    ],
    [
      'one that was told to go',
      makePod().metadata({ deletionTimestamp: 'x' }).unschedulable('m'),
      undefined,
    ],
  ])('%s', (_, pod, expected) => {
    expect(show([pod.obj()])).toEqual({ waiting: expected, failure: undefined });
  });

  test('what people can mend comes before what passes', () => {
    const pods = [
      makePod().unschedulable(NO_ROOM).obj(),
      makePod()
        .container({ waiting: { reason: 'InvalidImageName' } })
        .obj(),
    ];
    expect(show(pods).waiting).toBe(
      'IMAGE_PULL_FAILED: The image registry.example/train:1 cannot be pulled',
    );
  });
});

describe('of pods that failed', () => {
  test.each([
    [
      'by its own exit code, with its last lines',
      makePod().failed({ exitCode: 3, reason: 'Error', message: 'a\nb\nc\n\nloss is nan\n' }),
      'POD_FAILED: The container node failed with exit code 3|a\nb\nc\n\nloss is nan\n',
    ],
    [
      'by the reason that our own runtime names',
      makePod().failed({
        ...{ exitCode: 3, reason: 'Error' },
        message: 'DATASET_INVALID: data.jsonl, line 2: messages is missing.\n',
      }),
      'DATASET_INVALID: The container node failed with exit code 3|data.jsonl, line 2: messages is missing.',
    ],
    [
      'by a fault of our own runtime',
      makePod().failed({ exitCode: 1, reason: 'Error', message: 'INTERNAL: KeyError: x' }),
      'TRAINING_FAILED: The container node failed with exit code 1|KeyError: x',
    ],
    [
      'by its exit code, where another program writes a line like ours',
      makePod().failed({ exitCode: 1, reason: 'Error', message: 'POD_BLOCKED: x' }),
      'POD_FAILED: The container node failed with exit code 1|POD_BLOCKED: x',
    ],
    [
      'by a signal',
      makePod().failed({ exitCode: 143, reason: 'Error' }),
      'POD_FAILED: The container node failed with exit code 143 (signal 15)',
    ],
    [
      'by lack of memory',
      makePod().failed({ exitCode: 137, reason: 'OOMKilled' }),
      'OUT_OF_MEMORY: The container node was killed because it ran out of memory',
    ],
    [
      'by lack of memory, of which it has a limit',
      makePod()
        .spec({ containers: [{ name: 'node', resources: { limits: { memory: '64Gi' } } }] })
        .failed({ exitCode: 137, reason: 'OOMKilled' }),
      'OUT_OF_MEMORY: The container node was killed because it ran out of memory: its limit is 64Gi',
    ],
    [
      'by eviction',
      makePod().status({ phase: 'Failed', reason: 'Evicted', message: 'The node was low on disk' }),
      'POD_FAILED: A pod failed: Evicted, The node was low on disk',
    ],
    [
      'by eviction while it trained',
      makePod()
        .failed({ exitCode: 143, reason: 'Error' })
        .status({ reason: 'Evicted', message: 'The node was low on disk' }),
      'POD_FAILED: A pod failed: Evicted, The node was low on disk',
    ],
    [
      'as its node had lost the GPU',
      makePod().status({
        ...{ phase: 'Failed', reason: 'UnexpectedAdmissionError' },
        message:
          'Pod was rejected: Allocate failed due to requested number of devices unavailable for nvidia.com/gpu. Requested: 1, Available: 0, which is unexpected',
      }),
      'GPU_UNAVAILABLE: A pod did not get the GPU that it was promised: UnexpectedAdmissionError, Pod was rejected: Allocate failed due to requested number of devices unavailable for nvidia.com/gpu. Requested: 1, Available: 0, which is unexpected',
    ],
    [
      'as another pod had taken the GPU',
      makePod().status({ phase: 'Failed', reason: 'OutOfnvidia.com/gpu', message: 'no room' }),
      'GPU_UNAVAILABLE: A pod did not get the GPU that it was promised: OutOfnvidia.com/gpu, no room',
    ],
    [
      'as another pod had taken the processors',
      makePod().status({ phase: 'Failed', reason: 'OutOfcpu', message: 'no room' }),
      'POD_FAILED: A pod failed: OutOfcpu, no room',
    ],
  ])('%s', (_, pod, expected) => {
    expect(show([pod.obj()])).toEqual({ waiting: undefined, failure: expected });
  });

  test('the first to fail is the cause', () => {
    const at = (exitCode: number, finishedAt: string) =>
      makePod().failed({ exitCode, finishedAt }).obj();
    const pods = [at(143, '2026-01-01T00:00:09Z'), at(3, '2026-01-01T00:00:07Z')];
    expect(show(pods).failure).toBe('POD_FAILED: The container node failed with exit code 3');
  });
});

describe('of several containers', () => {
  const ended = (name: string, exitCode: number, reason = 'Error', finishedAt = '') => {
    return { name, state: { terminated: { exitCode, reason, finishedAt } } };
  };
  const failed = (status: object) => makePod().status({ phase: 'Failed', ...status });
  const NATIVE = { initContainers: [{ name: 'proxy', restartPolicy: 'Always' }] };
  const EARLY = '2026-01-01T00:00:07Z';
  const LATE = '2026-01-01T00:00:09Z';

  test.each([
    [
      'the training is blamed and not the native sidecar beside it, whose end came first',
      failed({
        initContainerStatuses: [ended('proxy', 137, 'OOMKilled', EARLY)],
        containerStatuses: [ended('node', 3, 'Error', LATE)],
      }).spec(NATIVE),
      'POD_FAILED: The container node failed with exit code 3',
    ],
    [
      'the training is blamed and not an injected proxy',
      failed({
        containerStatuses: [
          ended('istio-proxy', 137, 'OOMKilled', EARLY),
          ended('node', 1, 'Error', LATE),
        ],
      }),
      'POD_FAILED: The container node failed with exit code 1',
    ],
    [
      'the training that was killed for memory is told so',
      failed({ containerStatuses: [ended('proxy', 1), ended('node', 137, 'OOMKilled')] }),
      'OUT_OF_MEMORY: The container node was killed because it ran out of memory',
    ],
    [
      'a sidecar that ran out of memory is a failure of another kind',
      failed({ containerStatuses: [ended('node', 0), ended('loader', 137, 'OOMKilled')] }),
      'POD_FAILED: The container loader was killed because it ran out of memory',
    ],
    [
      'a native sidecar, too',
      failed({ initContainerStatuses: [ended('proxy', 137, 'OOMKilled')] }).spec(NATIVE),
      'POD_FAILED: The container proxy was killed because it ran out of memory',
    ],
    [
      'an init container that ran out of memory is no sidecar',
      failed({ initContainerStatuses: [ended('prepare', 137, 'OOMKilled')] }),
      'OUT_OF_MEMORY: The container prepare was killed because it ran out of memory',
    ],
    [
      'an initializer is what its pod is for',
      failed({
        containerStatuses: [
          ended('proxy', 1, 'Error', EARLY),
          ended('dataset-initializer', 2, 'Error', LATE),
        ],
      }).metadata({ labels: { 'jobset.sigs.k8s.io/replicatedjob-name': 'dataset-initializer' } }),
      'POD_FAILED: The container dataset-initializer failed with exit code 2',
    ],
    [
      'of others, the first to finish is blamed',
      failed({
        containerStatuses: [
          ended('unknown', 4),
          ended('late', 1, 'Error', LATE),
          ended('early', 2, 'Error', EARLY),
        ],
      }),
      'POD_FAILED: The container early failed with exit code 2',
    ],
    [
      'where none is the training, any may run out of memory',
      failed({ containerStatuses: [ended('custom', 137, 'OOMKilled')] }),
      'OUT_OF_MEMORY: The container custom was killed because it ran out of memory',
    ],
  ])('%s', (_, pod, expected) => {
    expect(show([pod.obj()]).failure).toBe(expected);
  });

  test('one that waits is told of before a sidecar that does', () => {
    const crashing = (name: string, reason: string) => {
      const state = { waiting: { reason: 'CrashLoopBackOff' } };
      return { name, state, lastState: { terminated: { exitCode: 137, reason } } };
    };
    const pod = (...containerStatuses: ReturnType<typeof crashing>[]) =>
      show([makePod().status({ phase: 'Running', containerStatuses }).obj()]).waiting;
    const proxy = crashing('proxy', 'OOMKilled');
    expect(pod(proxy, crashing('node', 'Error'))).toMatch(/^POD_FAILED: The container node /);
    const node = {
      name: 'node',
      state: { running: {} },
      lastState: { terminated: { exitCode: 0 } },
    };
    expect(pod(proxy, node as never)).toMatch(/^POD_FAILED: The container proxy was killed/);
  });
});

describe('of Events', () => {
  test.each([
    [
      'a JobSet that its webhook refuses',
      makeEvent('TrainJob/j', 'TrainJobResourcesCreationFailed', REFUSED_JOB_SET),
      `RUNTIME_REJECTED: The cluster refuses what the runtime makes of the job: ${REFUSED_JOB_SET}`,
    ],
    [
      'a full quota',
      makeEvent('Job/j-node-0', 'FailedCreate', OVER_QUOTA),
      'QUOTA_EXCEEDED: The quota gpus is exceeded: requested requests.nvidia.com/gpu=2, used requests.nvidia.com/gpu=1, limited to requests.nvidia.com/gpu=2',
    ],
    [
      'pods that policy forbids',
      makeEvent(
        'Job/j-node-0',
        'FailedCreate',
        'Error creating: pods "x" is forbidden: violates PodSecurity',
      ),
      'RUNTIME_REJECTED: The cluster refuses what the runtime makes of the job: Error creating: pods "x" is forbidden: violates PodSecurity',
    ],
    [
      'a volume that does not exist',
      makeEvent('Pod/j-node-0-0-x', 'FailedMount', 'persistentvolumeclaim "x" not found'),
      'POD_BLOCKED: A pod cannot start yet: persistentvolumeclaim "x" not found',
    ],
    [
      'a webhook that is down',
      makeEvent(
        'TrainJob/j',
        'TrainJobResourcesCreationFailed',
        'failed calling webhook "mjobset.kb.io": connection refused',
      ),
      undefined,
    ],
    ...[
      'services "j" already exists',
      'TrainJob resources reconciliation failed: jobs.batch "j-node-0" already exists',
      'jobsets.jobset.x-k8s.io "j" not found',
      'Operation cannot be fulfilled on jobs.batch "j-node-0": the object has been modified; please apply your changes to the latest version and try again',
    ].map((message): [string, ReturnType<typeof makeEvent>, undefined] => [
      `what passes by itself: ${message.slice(0, 40)}`,
      makeEvent('JobSet/j', 'JobCreationFailed', message),
      undefined,
    ]),
    [
      'an account that does not exist, which does not pass',
      makeEvent(
        'Job/j-node-0',
        'FailedCreate',
        'Error creating: pods "j" is forbidden: error looking up service account jobs/x: serviceaccount "x" not found',
      ),
      'RUNTIME_REJECTED: The cluster refuses what the runtime makes of the job: Error creating: pods "j" is forbidden: error looking up service account jobs/x: serviceaccount "x" not found',
    ],
    ['something else', makeEvent('JobSet/j', 'FailedJobs', 'one failed'), undefined],
    [
      'no warning',
      makeEvent('Job/j-node-0', 'FailedCreate', OVER_QUOTA, { type: 'Normal' }),
      undefined,
    ],
  ])('%s', (_, event, expected) => {
    expect(show([], [event])).toEqual({ waiting: expected, failure: undefined });
  });

  test('a pod created later shows that the cause is gone', () => {
    const at = (lastObservedTime: string) =>
      makeEvent('Job/j-node-0', 'FailedCreate', OVER_QUOTA, { series: { lastObservedTime } });
    const pod = makePod().metadata({ creationTimestamp: '2026-01-01T00:00:10Z' }).obj();
    expect(show([pod], [at('2026-01-01T00:00:09.9Z')]).waiting).toBeUndefined();
    expect(show([pod], [at('2026-01-01T00:00:10.1Z')]).waiting).toMatch(/^QUOTA_EXCEEDED/);
  });
});
