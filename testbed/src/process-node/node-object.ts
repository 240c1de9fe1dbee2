import { setTimeout as sleep } from 'node:timers/promises';
import type { Kube } from '../kube.ts';

export interface NodeFacts {
  readonly name: string;
  /** What pods can be given in all, such as `{ cpu: '64' }`. */
  readonly room: Readonly<Record<string, string>>;
  readonly logsPort: number;
}

/** Keeps pods that are not meant for it away from a node that really runs them. */
export const RUNS_PODS = 'testbed/runs-pods';

const APPLY = 'application/apply-patch+yaml';
const LEASE_SECONDS = 40;
const RENEW_MS = 5_000;

/** Makes the Node object, ready and with a taint that a pod must tolerate. */
export async function registerNode(kube: Kube, { name, room, logsPort }: NodeFacts): Promise<void> {
  const now = new Date().toISOString();
  const about = { apiVersion: 'v1', kind: 'Node', metadata: { name } };
  const path = `/api/v1/nodes/${name}`;
  const query = `?fieldManager=${name}&force=true`;
  const labels = {
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': process.arch === 'x64' ? 'amd64' : process.arch,
    [RUNS_PODS]: 'true',
  };
  const taints = [{ key: RUNS_PODS, value: 'true', effect: 'NoSchedule' }];
  await kube.call(
    'PATCH',
    `${path}${query}`,
    { ...about, metadata: { name, labels }, spec: { taints } },
    APPLY,
  );
  const condition = {
    type: 'Ready',
    status: 'True',
    reason: 'KubeletReady',
    message: 'this node runs pods as processes',
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  };
  const status = {
    capacity: room,
    allocatable: room,
    conditions: [condition],
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: logsPort } },
    nodeInfo: NODE_INFO,
  };
  await kube.call('PATCH', `${path}/status${query}`, { ...about, status }, APPLY);
}

/** Renews the Lease by which the control plane knows that the node lives, until `signal`. */
export async function keepLease(kube: Kube, name: string, signal: AbortSignal): Promise<void> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${name}`;
  while (!signal.aborted) {
    const renewTime = new Date().toISOString().replace('Z', '000Z');
    const spec = { holderIdentity: name, leaseDurationSeconds: LEASE_SECONDS, renewTime };
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name }, spec };
    // An API server that is away is asked again at the next beat.
    await kube
      .call('PATCH', `${path}?fieldManager=${name}&force=true`, lease, APPLY)
      .catch(() => {});
    await sleep(RENEW_MS, undefined, { signal }).catch(() => {});
  }
}

/** All fields are required; what a process has no equivalent of is empty. */
const NODE_INFO = {
  machineID: '',
  systemUUID: '',
  bootID: '',
  kernelVersion: '',
  osImage: '',
  containerRuntimeVersion: 'testbed://processes',
  kubeletVersion: '',
  kubeProxyVersion: '',
  operatingSystem: 'linux',
  architecture: process.arch === 'x64' ? 'amd64' : process.arch,
};
