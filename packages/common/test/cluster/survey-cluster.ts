import { type ApiClient, ApiError } from '../../src/kubernetes/api-client.ts';

/** What a cluster has of the components that the tests need. */
export interface Survey {
  /** `NAME VERSION` of each, where the cluster tells the version. */
  readonly found: readonly string[];
  /** A clause on each that is absent. */
  readonly missing: readonly string[];
}

interface Deployment {
  readonly spec: { readonly template: { readonly spec: { containers: { image: string }[] } } };
  readonly status?: { readonly availableReplicas?: number };
}

interface Node {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly status?: {
    readonly nodeInfo?: { readonly kubeletVersion: string };
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
/** Each with a kind that it brings, and the last part of its controller's image. */
const CONTROLLERS = [
  {
    name: 'Kubeflow Trainer',
    crd: 'trainjobs.trainer.kubeflow.org',
    image: 'trainer-controller-manager',
  },
  { name: 'JobSet', crd: 'jobsets.jobset.x-k8s.io', image: 'jobset' },
  { name: 'Kueue', crd: 'clusterqueues.kueue.x-k8s.io', image: 'kueue' },
];

/**
 * Looks for Kubernetes, Trainer, JobSet, Kueue and kwok. A controller counts as present when its
 * kinds are there and its Deployment, if it is run by one, has a replica that is available.
 */
export async function surveyCluster(client: Pick<ApiClient, 'call'>): Promise<Survey> {
  const read = <T>(path: string) => client.call<T>({ method: 'GET', path });
  const { gitVersion } = await read<{ gitVersion: string }>('/version');
  const deployments = await read<{ items: Deployment[] }>('/apis/apps/v1/deployments');
  const nodes = await read<{ items: Node[] }>('/api/v1/nodes');

  const found = [`Kubernetes ${gitVersion}`];
  const missing: string[] = [];
  for (const { name, crd, image } of CONTROLLERS) {
    const running = findController(deployments.items, image);
    if (!(await hasCrd(client, crd))) missing.push(`${name}: there is no ${crd}`);
    else if (running?.isAvailable === false) missing.push(`${name}: no replica is available`);
    else found.push(`${name} ${running?.version ?? 'of unknown version'}`);
  }
  const simulated = nodes.items.find(isSimulated);
  if (simulated === undefined) missing.push('kwok: none of its nodes is ready');
  else found.push(`kwok ${simulated.status?.nodeInfo?.kubeletVersion || 'of unknown version'}`);
  return { found, missing };
}

function findController(deployments: readonly Deployment[], wanted: string) {
  for (const { spec, status } of deployments) {
    for (const { image } of spec.template.spec.containers) {
      const [, name, version] = /([^/:@]+)(?::([^/@]+))?(?:@.*)?$/.exec(image) ?? [];
      if (name !== wanted) continue;
      return { version, isAvailable: (status?.availableReplicas ?? 0) > 0 };
    }
  }
  return undefined;
}

async function hasCrd(client: Pick<ApiClient, 'call'>, name: string): Promise<boolean> {
  try {
    await client.call({ method: 'GET', path: `${CRDS}/${name}` });
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return false;
    throw error;
  }
}

function isSimulated({ metadata, status }: Node): boolean {
  const isReady = status?.conditions?.some((is) => is.type === 'Ready' && is.status === 'True');
  return metadata.annotations?.['kwok.x-k8s.io/node'] === 'fake' && isReady === true;
}
