import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Agent, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';

/** What was asked of the API server, as RBAC sees it: `secrets list`, `pods/log get`, `trainjobs.trainer… get`. */
export interface Recording {
  readonly used: Set<string>;
  /** Requests that were not about objects, such as those for the schema. */
  readonly others: Set<string>;
  /** What RBAC refused; webhooks and quotas refuse with the same status. */
  readonly refused: string[];
}

const RESOURCE =
  /^\/(?:api|apis\/([^/]+))\/[^/]+(?:\/namespaces\/[^/]+)?\/([a-z]+)(?:\/([^/]+)(?:\/([a-z]+))?)?$/;
const VERBS: Readonly<Record<string, string>> = { POST: 'create', PUT: 'update', PATCH: 'patch' };

/** Stands between one client and the API server, changes nothing, and notes which rights are used. */
export class RecordingProxy implements Recording, AsyncDisposable {
  readonly used = new Set<string>();
  readonly others = new Set<string>();
  readonly refused: string[] = [];
  readonly #target: string;
  readonly #agent: Agent;
  readonly #server: Server;

  private constructor(target: string, ca: string) {
    this.#target = target;
    this.#agent = new Agent({ keepAlive: true, ca });
    this.#server = createServer((incoming, outgoing) => this.#forward(incoming, outgoing));
  }

  static async start(target: string, ca: string): Promise<RecordingProxy> {
    const proxy = new RecordingProxy(target, ca);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    this.#agent.destroy();
  }

  #forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { method = '', url = '', headers } = incoming;
    const right = toRight(method, new URL(url, this.#target));
    if (right === undefined) this.others.add(new URL(url, this.#target).pathname);
    else this.used.add(right);
    const forwarded = request(new URL(url, this.#target), {
      ...{ method, agent: this.#agent },
      headers: { ...headers, host: new URL(this.#target).host },
    });
    forwarded.once('response', (answer) => {
      if (answer.statusCode === 403) {
        answer.on('data', (chunk) => {
          if (/ cannot \w+ resource /.test(String(chunk))) this.refused.push(`${right} ${url}`);
        });
      }
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      // A watch says nothing at first, and its client waits for the head.
      outgoing.flushHeaders();
      pipeline(answer, outgoing).catch(() => {});
    });
    forwarded.once('error', () => outgoing.destroy());
    outgoing.once('close', () => forwarded.destroy());
    pipeline(incoming, forwarded).catch(() => {});
  }
}

function toRight(method: string, { pathname, searchParams }: URL): string | undefined {
  const [, group, resource, name, part] = RESOURCE.exec(pathname) ?? [];
  if (resource === undefined) return undefined;
  return `${resource}${part === undefined ? '' : `/${part}`}${group ? `.${group}` : ''} ${toVerb()}`;

  function toVerb(): string | undefined {
    const verb = VERBS[method];
    if (verb !== undefined) return verb;
    if (method === 'DELETE') return name === undefined ? 'deletecollection' : 'delete';
    if (name !== undefined) return 'get';
    return searchParams.get('watch') === 'true' ? 'watch' : 'list';
  }
}

/** The rights that rules of a role grant, in the words of a recording. */
export function toRights(
  rules: readonly { apiGroups: string[]; resources: string[]; verbs: string[] }[],
): string[] {
  return rules
    .flatMap(({ apiGroups: [group], resources, verbs }) =>
      resources.flatMap((resource) =>
        verbs.map((verb) => `${resource}${group ? `.${group}` : ''} ${verb}`),
      ),
    )
    .sort();
}
