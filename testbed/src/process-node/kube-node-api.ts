import { type Kube, KubeError } from '../kube.ts';
import type { Keys, NodeApi, PodEvent } from './node-api.ts';
import type { Pod } from './pod.ts';

type Data = Readonly<Record<string, string>>;

/** The API server, as a node of this name may use it. */
export class KubeNodeApi implements NodeApi {
  readonly #kube: Kube;
  readonly #node: string;

  constructor(kube: Kube, node: string) {
    this.#kube = kube;
    this.#node = node;
  }

  async readKeys(
    kind: 'Secret' | 'ConfigMap',
    namespace: string,
    name: string,
  ): Promise<Keys | undefined> {
    const resource = kind === 'Secret' ? 'secrets' : 'configmaps';
    const path = `/api/v1/namespaces/${namespace}/${resource}/${name}`;
    const object = await absent(this.#kube.call<{ data?: Data; binaryData?: Data }>('GET', path));
    if (object === undefined) return undefined;
    const decode = (data: Data = {}, encoding: BufferEncoding) =>
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value, encoding)]);
    return Object.fromEntries([
      ...decode(object.data, kind === 'Secret' ? 'base64' : 'utf8'),
      ...decode(object.binaryData, 'base64'),
    ]);
  }

  async createToken(
    { metadata, spec }: Pod,
    { audience, expirationSeconds }: { audience?: string; expirationSeconds?: number },
  ): Promise<string> {
    const { name, namespace, uid } = metadata;
    const account = spec.serviceAccountName ?? 'default';
    const { status } = await this.#kube.call<{ status: { token: string } }>(
      'POST',
      `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`,
      {
        spec: {
          ...(audience !== undefined && { audiences: [audience] }),
          ...(expirationSeconds !== undefined && { expirationSeconds }),
          boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
        },
      },
    );
    return status.token;
  }

  async writeStatus(pod: Pod, status: object): Promise<boolean> {
    // The uid keeps it from a pod of the same name that came after this one.
    const patch = { metadata: { uid: pod.metadata.uid }, status };
    const type = 'application/strategic-merge-patch+json';
    try {
      await this.#kube.call('PATCH', `${pathOf(pod)}/status`, patch, type);
      return true;
    } catch (error) {
      if (error instanceof KubeError && [404, 409].includes(error.status)) return false;
      throw error;
    }
  }

  async removePod(pod: Pod): Promise<void> {
    const { uid } = pod.metadata;
    const options = { gracePeriodSeconds: 0, preconditions: { uid } };
    try {
      await this.#kube.call('DELETE', pathOf(pod), options);
    } catch (error) {
      if (!(error instanceof KubeError && [404, 409].includes(error.status))) throw error;
    }
  }

  async tell({ metadata }: Pod, { type, reason, message }: PodEvent): Promise<void> {
    const { name, namespace, uid } = metadata;
    const now = new Date().toISOString();
    await this.#kube.call('POST', `/api/v1/namespaces/${namespace}/events`, {
      metadata: { generateName: `${name}.`, namespace },
      involvedObject: { apiVersion: 'v1', kind: 'Pod', name, namespace, uid },
      ...{ type, reason, message, count: 1, firstTimestamp: now, lastTimestamp: now },
      source: { component: 'kubelet', host: this.#node },
    });
  }
}

function pathOf({ metadata: { namespace, name } }: Pod): string {
  return `/api/v1/namespaces/${namespace}/pods/${name}`;
}

async function absent<T>(answer: Promise<T>): Promise<T | undefined> {
  return answer.catch((error: unknown) => {
    if (error instanceof KubeError && error.status === 404) return undefined;
    throw error;
  });
}
