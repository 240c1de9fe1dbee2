import { describe, expect, test } from 'vitest';
import { explainWorkload, type WorkloadObject } from './workload-finding.ts';

const makeWorkload = (status: WorkloadObject['status']): WorkloadObject => ({
  metadata: { name: 'trainjob-a-1', uid: 'w', resourceVersion: '1' },
  ...(status !== undefined && { status }),
});
const notReserved = (message: string, reason = 'Pending') =>
  makeWorkload({ conditions: [{ type: 'QuotaReserved', status: 'False', reason, message }] });

const RESERVED = {
  ...{ type: 'QuotaReserved', status: 'True', reason: 'QuotaReserved' },
  message: 'Quota reserved in ClusterQueue training',
} as const;

const UNUSED = 'insufficient unused quota for nvidia.com/gpu in flavor any-node, 2 more needed';
const MORE =
  'insufficient quota for nvidia.com/gpu in flavor any-node, previously considered podsets requests (0) + current podset request (500) > maximum capacity (16)';
const podSet = (name: string, ...said: string[]) =>
  `couldn't assign flavors to pod set ${name}: ${said.join(', ')}`;

describe('what Kueue says of a Workload that it does not admit', () => {
  test.each([
    ['room that others take', podSet('node', UNUSED), 'WAITING_FOR_QUOTA'],
    ['room in one of two flavors', podSet('node', MORE, UNUSED), 'WAITING_FOR_QUOTA'],
    [
      'room that others are to leave',
      `${podSet('node', UNUSED)}. Pending the preemption of 1 workload(s)`,
      'WAITING_FOR_QUOTA',
    ],
    [
      'room that has just been given away',
      'Workload no longer fits after processing another workload',
      'WAITING_FOR_QUOTA',
    ],
    ['more than there is', podSet('node', MORE), 'QUEUE_CAPACITY_EXCEEDED'],
    [
      'more than there is for one of two kinds of pods',
      `${podSet('dataset-initializer', UNUSED)}; ${podSet('node', MORE)}`,
      'QUEUE_CAPACITY_EXCEEDED',
    ],
    [
      'what the queue has none of',
      podSet('node', 'resource ephemeral-storage unavailable in ClusterQueue'),
      'QUEUE_CAPACITY_EXCEEDED',
    ],
    [
      'nodes that the queue does not stand for',
      podSet('node', "flavor a100 doesn't match node affinity"),
      'QUEUE_MISCONFIGURED',
    ],
    ['no such queue', "LocalQueue held doesn't exist", 'QUEUE_MISCONFIGURED'],
    ['a queue that went', 'LocalQueue held is terminating or missing', 'QUEUE_MISCONFIGURED'],
    ['a queue of none', "ClusterQueue training doesn't exist", 'QUEUE_MISCONFIGURED'],
    [
      'a queue of other namespaces',
      "workload namespace doesn't match ClusterQueue selector",
      'QUEUE_MISCONFIGURED',
    ],
    ['a queue that is held', 'LocalQueue held is inactive', 'QUEUED'],
    ['anything else', 'The workload is deactivated', 'QUEUED'],
  ])('by its words: %s', (_, message, reason) => {
    expect(explainWorkload(notReserved(message))).toEqual({ reason, detail: message });
  });

  test.each([
    ['Misconfigured', 'QUEUE_MISCONFIGURED'],
    ['ExceedsMaxQuota', 'QUEUE_CAPACITY_EXCEEDED'],
    ['WaitingForQuota', 'WAITING_FOR_QUOTA'],
    ['WaitingForPreemptedWorkloads', 'WAITING_FOR_QUOTA'],
    ['NoMatchingFlavor', 'QUEUED'],
    ['Suspended', 'QUEUED'],
  ])('by the reason that newer releases give: %s', (reason, wanted) => {
    expect(explainWorkload(notReserved('Bypassed', reason))).toMatchObject({ reason: wanted });
  });

  test('in one line', () => {
    expect(explainWorkload(notReserved('a\n\nb'))).toMatchObject({ detail: 'a b' });
  });

  test('is nothing before it has said anything, and once the job has ended', () => {
    expect(explainWorkload(makeWorkload(undefined))).toBeUndefined();
    expect(explainWorkload(notReserved(''))).toBeUndefined();
    const conditions = [RESERVED, { type: 'Finished', status: 'True' as const }];
    expect(explainWorkload(makeWorkload({ conditions }))).toBeUndefined();
  });

  test('is that it is admitted, once it has its quota and every check is ready', () => {
    const admissionChecks = [{ name: 'nodes', state: 'Ready', message: 'There are nodes' }];
    const conditions = [RESERVED];
    expect(explainWorkload(makeWorkload({ conditions }))).toBe('admitted');
    expect(explainWorkload(makeWorkload({ conditions, admissionChecks }))).toBe('admitted');
  });

  test('is which checks are still open once it has its quota', () => {
    const admissionChecks = [
      { name: 'nodes', state: 'Pending', message: 'Nodes are\nbeing made' },
      { name: 'ready', state: 'Ready', message: 'ok' },
      { name: 'budget', state: 'Retry', message: '' },
    ];
    expect(explainWorkload(makeWorkload({ conditions: [RESERVED], admissionChecks }))).toEqual({
      reason: 'QUEUED',
      detail:
        'its quota is reserved, and it waits for admission checks: nodes (Nodes are being made), budget',
    });
  });
});
