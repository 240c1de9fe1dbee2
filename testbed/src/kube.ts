import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { text } from 'node:stream/consumers';
import { parse } from 'yaml';

export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    ownerReferences?: { kind: string; name: string }[];
    [key: string]: unknown;
  };
  // biome-ignore lint/suspicious/noExplicitAny: objects of any kind pass through here
  [key: string]: any;
}

export interface Credentials {
  ca?: Buffer;
  cert?: Buffer;
  key?: Buffer;
  token?: string;
}

export class KubeError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

interface Resource {
  name: string;
  kind: string;
  namespaced: boolean;
}

/** The little of a Kubernetes client that the test bed itself needs. */
export class Kube {
  readonly server: string;
  readonly credentials: Credentials;
  readonly #agent: Agent;
  readonly #resources = new Map<string, Promise<Resource[]>>();

  constructor(server: string, credentials: Credentials) {
    this.server = server;
    this.credentials = credentials;
    const { ca, cert, key } = credentials;
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: 16,
      ...(ca && { ca }),
      ...(cert && { cert }),
      ...(key && { key }),
    });
  }

  /** The same server, seen by the holder of a service account token. */
  as(token: string): Kube {
    const { ca } = this.credentials;
    return new Kube(this.server, { token, ...(ca && { ca }) });
  }

  // biome-ignore lint/suspicious/noExplicitAny: the caller knows what it asked for
  async call<T = any>(
    method: string,
    path: string,
    body?: unknown,
    type = 'application/json',
  ): Promise<T> {
    const { token } = this.credentials;
    const content = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      accept: 'application/json',
      'content-type': type,
      // Node sends no length of a DELETE's body by itself, and the body would not be read.
      ...(content !== undefined && { 'content-length': Buffer.byteLength(content) }),
      ...(token && { authorization: `Bearer ${token}` }),
    };
    const response = await new Promise<{ status: number; body: string }>((resolve, reject) => {
      const outgoing = request(
        new URL(path, this.server),
        { method, agent: this.#agent, headers, timeout: 30_000 },
        (incoming) => {
          text(incoming).then(
            (answer) => resolve({ status: incoming.statusCode ?? 0, body: answer }),
            reject,
          );
        },
      );
      outgoing.on('timeout', () => outgoing.destroy(new Error(`${method} ${path} timed out`)));
      outgoing.on('error', reject);
      outgoing.end(content);
    });
    const answer = parseBody(response.body);
    if (response.status >= 400) {
      throw new KubeError(
        response.status,
        (answer as { message?: string }).message ?? String(answer),
      );
    }
    return answer as T;
  }

  /** The answer to a GET as it comes in, such as a watch's. */
  stream(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    const { token } = this.credentials;
    const headers = {
      accept: 'application/json',
      ...(token && { authorization: `Bearer ${token}` }),
    };
    return new Promise((resolve, reject) => {
      const outgoing = request(
        new URL(path, this.server),
        { agent: this.#agent, headers, signal },
        (incoming) => {
          const { statusCode = 0 } = incoming;
          if (statusCode < 400) return resolve(incoming);
          incoming.resume();
          reject(new KubeError(statusCode, `GET ${path}: ${statusCode}`));
        },
      );
      outgoing.on('error', reject);
      outgoing.end();
    });
  }

  async create(object: KubeObject): Promise<KubeObject> {
    return this.call('POST', await this.collection(object), object);
  }

  /** Server-side apply. */
  async apply(object: KubeObject): Promise<KubeObject> {
    const path = `${await this.path(object)}?fieldManager=testbed&force=true`;
    return this.call('PATCH', path, object, 'application/apply-patch+yaml');
  }

  async get(object: KubeObject): Promise<KubeObject> {
    return this.call('GET', await this.path(object));
  }

  async patch(object: KubeObject, patch: unknown, subresource = ''): Promise<KubeObject> {
    const path = (await this.path(object)) + (subresource && `/${subresource}`);
    return this.call('PATCH', path, patch, 'application/merge-patch+json');
  }

  async delete(object: KubeObject): Promise<void> {
    await this.call('DELETE', await this.path(object));
  }

  async path(object: KubeObject): Promise<string> {
    return `${await this.collection(object)}/${object.metadata.name}`;
  }

  async collection(object: KubeObject): Promise<string> {
    const { apiVersion, kind } = object;
    const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const resource = (await this.#discover(root)).find(
      (entry) => entry.kind === kind && !entry.name.includes('/'),
    );
    if (!resource) {
      this.#resources.delete(root);
      throw new KubeError(404, `the cluster has no ${kind} in ${apiVersion}`);
    }
    return resource.namespaced
      ? `${root}/namespaces/${object.metadata.namespace}/${resource.name}`
      : `${root}/${resource.name}`;
  }

  close(): void {
    this.#agent.destroy();
  }

  #discover(root: string): Promise<Resource[]> {
    let found = this.#resources.get(root);
    if (!found) {
      found = this.call<{ resources: Resource[] }>('GET', root).then((list) => list.resources);
      found.catch(() => this.#resources.delete(root));
      this.#resources.set(root, found);
    }
    return found;
  }
}

export async function connect(kubeconfigPath: string): Promise<Kube> {
  const config = parse(await readFile(kubeconfigPath, 'utf8'));
  const { cluster } = config.clusters[0];
  const { user } = config.users[0];
  const decode = (data: string) => Buffer.from(data, 'base64');
  return new Kube(cluster.server, {
    ca: decode(cluster['certificate-authority-data']),
    cert: decode(user['client-certificate-data']),
    key: decode(user['client-key-data']),
  });
}

function parseBody(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}
