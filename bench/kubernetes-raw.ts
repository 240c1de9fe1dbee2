import { readFile } from 'node:fs/promises';
import { Agent, request } from 'undici';

interface Kubeconfig {
  readonly clusters: readonly {
    readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string };
  }[];
  readonly users: readonly { readonly user: { readonly token: string } }[];
}

/** The API server over kept-alive connections with nothing in between, as one service account. */
export class RawClient implements AsyncDisposable {
  readonly #server: string;
  readonly #token: string;
  readonly #agent: Agent;

  private constructor(server: string, token: string, agent: Agent) {
    this.#server = server;
    this.#token = token;
    this.#agent = agent;
  }

  static async open(kubeconfigPath: string, connections: number): Promise<RawClient> {
    const config = JSON.parse(await readFile(kubeconfigPath, 'utf8')) as Kubeconfig;
    const { server = '', 'certificate-authority-data': ca = '' } =
      config.clusters[0]?.cluster ?? {};
    const connect = { ca: Buffer.from(ca, 'base64') };
    const agent = new Agent({ connections, connect, allowH2: false });
    return new RawClient(server, config.users[0]?.user.token ?? '', agent);
  }

  /** @throws Error for any answer but 2xx. */
  async call<T>(method: 'GET' | 'POST' | 'PATCH', path: string, body?: string): Promise<T> {
    const isPatch = method === 'PATCH';
    const answer = await request(`${this.#server}${path}`, {
      method,
      dispatcher: this.#agent,
      headers: {
        authorization: `Bearer ${this.#token}`,
        accept: 'application/json',
        ...(body !== undefined && {
          'content-type': isPatch ? 'application/merge-patch+json' : 'application/json',
        }),
      },
      body: body ?? null,
    });
    const text = await answer.body.text();
    if (answer.statusCode >= 300) throw new Error(`${method} ${path}: ${text}`);
    return JSON.parse(text) as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.close();
  }
}
