import type { KubeObject } from './kube.ts';

interface Pool {
  prefix: string;
  count: number;
  labels?: Record<string, string>;
  gpus?: number;
  tainted?: boolean;
}

const gpu = 'nvidia.com/gpu';

const pools: Pool[] = [
  {
    prefix: 'gpu-a100',
    count: 20,
    gpus: 64,
    labels: { 'nvidia.com/gpu.product': 'NVIDIA-A100-SXM4-80GB' },
  },
  {
    prefix: 'gpu-h100',
    count: 10,
    gpus: 64,
    labels: { 'nvidia.com/gpu.product': 'NVIDIA-H100-80GB-HBM3' },
    tainted: true,
  },
  { prefix: 'gpu-plain', count: 10, gpus: 64 },
  { prefix: 'cpu', count: 6 },
];

/** Simulated nodes, large enough for a thousand jobs at once. */
export function nodes(): KubeObject[] {
  return pools.flatMap((pool) =>
    Array.from({ length: pool.count }, (_, index) => node(pool, index)),
  );
}

function node(pool: Pool, index: number): KubeObject {
  const name = `${pool.prefix}-${String(index).padStart(2, '0')}`;
  const room = {
    cpu: '512',
    memory: '4Ti',
    pods: '2000',
    'ephemeral-storage': '10Ti',
    ...(pool.gpus && { [gpu]: String(pool.gpus) }),
  };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      annotations: { 'kwok.x-k8s.io/node': 'fake' },
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        ...pool.labels,
      },
    },
    spec: pool.tainted ? { taints: [{ key: gpu, value: 'present', effect: 'NoSchedule' }] } : {},
    status: { capacity: room, allocatable: room },
  };
}
