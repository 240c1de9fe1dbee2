import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import type { Clock } from '../clock.ts';
import { ConfigError } from '../config.ts';
import { loadKubeConfig } from './load-kube-config.ts';

/** What one call needs to reach the API server as ourselves. */
export interface Access {
  /** Without a trailing slash; may have a path. */
  readonly server: string;
  /** Holds credentials: for the wire only. */
  readonly headers: Readonly<Record<string, string>>;
  readonly dispatcher: Dispatcher;
}

/** How long credentials are used before files and plugins are asked again. */
const REFRESH_MS = 10_000;
/** How often at most everything is loaded again because the server refused us. */
const RELOAD_MS = 1000;
/** Below the 90 s after which the API server closes idle connections itself. */
const KEEP_ALIVE_MS = 30_000;
const CONNECT_TIMEOUT_MS = 5000;
/** At most this many calls and watches at once, by default; further ones wait for their turn. */
const MAX_CONNECTIONS = 64;

/**
 * Where the API server is and who we are, from `KUBECONFIG`, the home directory's kubeconfig or the
 * pod's service account. Credentials that rotate are noticed; connections are shared and kept until
 * the server, its CA or our certificate change.
 */
export class Connection {
  readonly #clock: Clock;
  readonly #load: () => Promise<KubeConfig>;
  readonly #maxConnections: number;
  readonly #dispatchers = new Map<string, Dispatcher>();
  #config: KubeConfig;
  #loadedAtMs: number;
  #reloading: Promise<void> | undefined;
  #access: { readonly value: Promise<Access>; readonly atMs: number } | undefined;

  private constructor(
    clock: Clock,
    load: () => Promise<KubeConfig>,
    config: KubeConfig,
    maxConnections: number,
  ) {
    this.#clock = clock;
    this.#load = load;
    this.#config = config;
    this.#maxConnections = maxConnections;
    this.#loadedAtMs = clock.monotonic();
  }

  /** @throws ConfigError when nothing describes a cluster, or what does cannot be read. */
  static async open(
    clock: Clock,
    kubeconfigPath?: string,
    maxConnections: number = MAX_CONNECTIONS,
  ): Promise<Connection> {
    const load = () => loadKubeConfig(kubeconfigPath);
    const config = await load().catch((error: unknown) => {
      if (error instanceof ConfigError) throw error;
      throw new ConfigError(`The kubeconfig cannot be read: ${(error as Error).message}`);
    });
    return new Connection(clock, load, config, maxConnections);
  }

  /** The API server's URL. */
  get server(): string {
    return currentCluster(this.#config).server.replace(/\/+$/, '');
  }

  /** What to use right now; of many callers, one asks the credential plugin. */
  access(): Promise<Access> {
    const nowMs = this.#clock.monotonic();
    if (this.#access !== undefined && nowMs - this.#access.atMs < REFRESH_MS) {
      return this.#access.value;
    }
    const value = this.#resolve();
    const access = { value, atMs: nowMs };
    this.#access = access;
    value.catch(() => {
      if (this.#access === access) this.#access = undefined;
    });
    return value;
  }

  /** After the server refused `used`: whatever is cached is loaded anew, at most once a second. */
  async renew(used: Access): Promise<Access> {
    const current = await this.access();
    if (current !== used) return current;
    this.#reloading ??= this.#reload().finally(() => {
      this.#reloading = undefined;
    });
    await this.#reloading;
    return this.access();
  }

  /** Breaks whatever is still under way. */
  async close(): Promise<void> {
    const dispatchers = [...this.#dispatchers.values()];
    this.#dispatchers.clear();
    await Promise.all(dispatchers.map((dispatcher) => dispatcher.destroy()));
  }

  async #reload(): Promise<void> {
    const nowMs = this.#clock.monotonic();
    if (nowMs - this.#loadedAtMs < RELOAD_MS) return;
    this.#loadedAtMs = nowMs;
    // The library's own caches of tokens end with the object that holds them.
    this.#config = await this.#load();
    this.#access = undefined;
  }

  async #resolve(): Promise<Access> {
    const { proxyUrl } = currentCluster(this.#config);
    const options: RequestOptions = {};
    await this.#config.applyToHTTPSOptions(options);
    const headers = Object.fromEntries(
      Object.entries(options.headers ?? {}).map(([name, value]) => [name, String(value).trim()]),
    );
    if (typeof options.auth === 'string') {
      headers.Authorization = `Basic ${Buffer.from(options.auth).toString('base64')}`;
    }
    return {
      server: this.server,
      headers,
      dispatcher: this.#dispatcher(options, proxyUrl),
    };
  }

  #dispatcher(options: RequestOptions, proxyUrl: string | undefined): Dispatcher {
    const { ca, cert, key, servername, rejectUnauthorized } = options;
    const tls = dropUndefined({ ca, cert, key, servername, rejectUnauthorized });
    const identity = JSON.stringify([tls, proxyUrl]);
    const known = this.#dispatchers.get(identity);
    if (known !== undefined) return known;
    const dispatcher = createDispatcher(tls, proxyUrl, this.#maxConnections);
    // Earlier ones finish what they are doing, so a rotated certificate breaks nothing.
    for (const [old, earlier] of this.#dispatchers) {
      void earlier.close().then(
        () => this.#dispatchers.delete(old),
        () => {},
      );
    }
    this.#dispatchers.set(identity, dispatcher);
    return dispatcher;
  }
}

function currentCluster(config: KubeConfig) {
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new ConfigError('The kubeconfig has no current cluster.');
  return cluster;
}

function createDispatcher(
  tls: Record<string, unknown>,
  proxyUrl: string | undefined,
  connections: number,
): Dispatcher {
  const connect = { ...tls, timeout: CONNECT_TIMEOUT_MS, keepAliveInitialDelay: KEEP_ALIVE_MS };
  const options = {
    connections,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    // One broken connection must not take every watch and call with it.
    allowH2: false,
  };
  if (proxyUrl === undefined) return new Agent({ ...options, connect });
  if (/^https?:/.test(proxyUrl)) {
    return new ProxyAgent({ ...options, uri: proxyUrl, requestTls: connect });
  }
  throw new ConfigError('The kubeconfig names a proxy that is neither http nor https.');
}

function dropUndefined(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}
