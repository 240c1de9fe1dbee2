import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { pino } from 'pino';
import { systemClock } from '../../src/clock.ts';
import { type ApiClient, ApiError } from '../../src/kubernetes/api-client.ts';
import type { FakeApiServer } from '../fake-api/fake-api-server.ts';
import { NAMESPACE } from '../fake-api/start-fake-cluster-service.ts';

const COMMIT = '03f9e5d';
const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));

// biome-ignore lint/suspicious/noExplicitAny: its types are those of another version.
type Module = any;

/** Whether the history of this clone reaches back to the first version. */
export function hasFirstVersion(): boolean {
  try {
    execFileSync('git', ['cat-file', '-e', `${COMMIT}^{commit}`], { cwd: ROOT, stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The code of the first version, taken out of the history. */
export class FirstVersion {
  readonly #folder = mkdtempSync(join(tmpdir(), 'trainer-first-version-'));

  constructor() {
    const archive = execFileSync('git', ['archive', COMMIT, 'packages/common'], {
      cwd: ROOT,
      maxBuffer: 64 * 1024 * 1024,
    });
    execFileSync('tar', ['-x', '-C', this.#folder], { input: archive });
    for (const folder of ['', 'packages/common/']) {
      symlinkSync(`${ROOT}/${folder}node_modules`, join(this.#folder, folder, 'node_modules'));
    }
  }

  /** A service of it on a real socket, whose cluster is a fake API server; resolves with its URL. */
  async start(
    server: FakeApiServer,
    name: string,
  ): Promise<{ url: string; close(): Promise<void> }> {
    const [base, config, service, errors, stores, runners, leases] = await Promise.all([
      this.#import('backend'),
      this.#import('config'),
      this.#import('service'),
      this.#import('kubernetes/api-client'),
      this.#import('kubernetes/secret-job-store'),
      this.#import('kubernetes/kubeflow-runner'),
      this.#import('kubernetes/lease'),
    ]);
    class Backend extends base.BaseTrainerBackend {
      name = name;
      defaults = { port: 0, runtimeName: 'test-runtime' };
      rules = [];
    }
    const backend = new Backend();
    const settings = config.parseConfig(backend.defaults, { HOST: '127.0.0.1', PORT: '0' });
    const logger = pino({ level: 'silent' });
    const client = withErrorsOf(errors.ApiError, server.connect());
    const parts = { client, clock: systemClock, logger, backend: name, namespace: NAMESPACE };
    const store = new stores.SecretJobStore(parts);
    const runner = new runners.KubeflowRunner({
      ...parts,
      config: { ...settings, jobsNamespace: NAMESPACE },
    });
    const leadership = new leases.LeaseLeadership(parts);
    const platform = {
      ...{ store, runner, leadership, apiEndpoints: [] },
      open: () => Promise.all([store.open(), runner.open(), leadership.open()]),
      close: async () => {
        await leadership.close();
        await Promise.all([runner.close(), store.close()]);
      },
    };
    const decorate = { platform: () => platform, sender: (sender: unknown) => sender };
    const made = await service.createService({ backend, config: settings, logger, decorate });
    return { url: await made.listen(), close: () => made.close() };
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #import(module: string): Promise<Module> {
    const path = join(this.#folder, 'packages/common/src', `${module}.ts`);
    return import(/* @vite-ignore */ pathToFileURL(path).href);
  }
}

/** The first version knows errors by its own class. */
function withErrorsOf(OwnError: typeof ApiError, client: ApiClient): ApiClient {
  const translate = (error: unknown): never => {
    if (!(error instanceof ApiError)) throw error;
    const { message, status, reason, serverMessage, retryAfterSeconds, cause } = error;
    throw new OwnError(message, { status, reason, serverMessage, retryAfterSeconds, cause });
  };
  return {
    ...client,
    call: (request) => client.call<never>(request).catch(translate),
    watch: (request) => client.watch<never>(request).catch(translate),
  };
}
