import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ApiClient } from '@trainer/common/testing/cluster';
import type { Installation } from './installation.ts';
import { RecordingProxy } from './recording-proxy.ts';

const TOKEN = 'a-token-of-the-test';
const POLL_MS = 100;

export interface Answer {
  readonly http: number;
  readonly status?: string;
  readonly reason?: string;
  readonly detail?: string;
  readonly backend_job_id?: string;
}

interface DeployedServiceParts {
  readonly installation: Installation;
  readonly admin: ApiClient;
  readonly cluster: { readonly server: string; readonly ca: string };
  /** The service's folder, which is the name of its objects too. */
  readonly name: string;
  /** Where its bundle lies, and what it needs may be written. */
  readonly bundle: string;
  readonly port: string;
}

/** One service as its Deployment would run it, outside the cluster: its bundle, settings and account. */
export class DeployedService implements AsyncDisposable {
  readonly recording: RecordingProxy;
  output = '';
  readonly #child: ChildProcess;
  readonly #url: string;

  private constructor(recording: RecordingProxy, child: ChildProcess, url: string) {
    this.recording = recording;
    this.#child = child;
    this.#url = url;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk) => {
        this.output += chunk;
      });
    }
  }

  static async start(parts: DeployedServiceParts): Promise<DeployedService> {
    const { installation, admin, cluster, name, bundle, port } = parts;
    const account = await installation.pathOf(installation.find('ServiceAccount', name));
    const { status } = await admin.call<{ status: { token: string } }>({
      ...{ method: 'POST', path: `${account}/token`, body: { spec: { expirationSeconds: 3600 } } },
    });
    const recording = await RecordingProxy.start(cluster.server, cluster.ca);
    const kubeconfig = join(bundle, 'kubeconfig.json');
    await writeFile(kubeconfig, toKubeconfig(recording.url, status.token), { mode: 0o600 });
    const tokenFile = join(bundle, 'token');
    await writeFile(tokenFile, TOKEN, { mode: 0o600 });
    const settings = installation.find('ConfigMap', name).data;
    const child = spawn(process.execPath, [join(bundle, 'server.mjs')], {
      env: {
        ...settings,
        ...{ HOST: '127.0.0.1', PORT: port, LOG_LEVEL: 'warn' },
        // All services are on one machine here.
        TRAINER_REPORTS_PORT: '0',
        ...{ KUBECONFIG: kubeconfig, TRAINER_API_TOKEN_FILE: tokenFile },
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new DeployedService(recording, child, `http://127.0.0.1:${port}`);
  }

  async call(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<Answer> {
    const answer = await fetch(`${this.#url}${path}`, {
      method,
      headers: { 'x-trainer-token': TOKEN, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { http: answer.status, ...(text === '' ? {} : (JSON.parse(text) as object)) };
  }

  /** What a job has written, as text; its last line says why that ends. */
  async readLog(jobId: string): Promise<string> {
    const headers = { 'x-trainer-token': TOKEN, accept: 'text/plain' };
    return (await fetch(`${this.#url}/train/${jobId}/logs`, { headers })).text();
  }

  async untilReady(): Promise<void> {
    await this.#until(async () => {
      const answer = await fetch(`${this.#url}/readyz`).catch(() => undefined);
      return answer?.ok;
    });
  }

  async untilStatus(jobId: string, status: string): Promise<Answer> {
    let seen: Answer = { http: 0 };
    await this.#until(
      async () => {
        seen = await this.call('GET', `/train/${jobId}`);
        return seen.status === status;
      },
      () => `${jobId} is not ${status}: ${JSON.stringify(seen)}`,
    );
    return seen;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) {
      this.#child.kill('SIGTERM');
      await once(this.#child, 'close');
    }
    await this.recording[Symbol.asyncDispose]();
  }

  async #until(isSo: () => Promise<boolean | undefined>, describe = () => 'not ready') {
    const untilMs = performance.now() + 90_000;
    while (!(await isSo())) {
      const hasEnded = this.#child.exitCode !== null;
      if (hasEnded || performance.now() > untilMs) {
        throw new Error(`${describe()}; the service said:\n${this.output.slice(-4000)}`);
      }
      await pause(POLL_MS);
    }
  }
}

/** A kubeconfig for a ServiceAccount's token; the server's certificate is not looked at. */
export function toKubeconfig(server: string, token: string): string {
  const name = 'test';
  return JSON.stringify({
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': name },
    // Without TLS only when told so; the recording in between speaks it with the API server.
    clusters: [{ name, cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
  });
}
