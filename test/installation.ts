import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { type ApiClient, ApiError } from '@trainer/common/testing/cluster';
import { parseAllDocuments } from 'yaml';
import type { Manifest } from './manifests.ts';

interface Resource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

const APPLY = 'application/apply-patch+yaml';
const NAMESPACES_FIRST = ['Namespace'];

/** What `kubectl apply -k FOLDER` sends, built by kustomize itself. */
export async function kustomize(folder: string): Promise<Manifest[]> {
  const args = ['-C', 'test/kustomize', 'tool', 'kustomize', 'build', resolve(folder)];
  const { stdout } = await promisify(execFile)('go', args, { maxBuffer: 16 * 1024 * 1024 });
  return parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
}

/** Objects of the manifests in a cluster, under names of their own, so that others are left alone. */
export class Installation {
  readonly objects: readonly Manifest[];
  readonly #admin: ApiClient;
  readonly #resources = new Map<string, Promise<readonly Resource[]>>();
  readonly #suffix: string;

  constructor(admin: ApiClient, objects: readonly Manifest[], suffix: string) {
    this.#admin = admin;
    this.#suffix = suffix;
    this.objects = this.#rename(objects);
  }

  /** The name that a namespace, runtime or cluster role of the manifests has here. */
  nameOf(name: string): string {
    return `${name}-${this.#suffix}`;
  }

  find(kind: string, name: string): Manifest {
    const found = this.objects.find(
      (object) => object.kind === kind && object.metadata.name === name,
    );
    if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
    return found;
  }

  /** Server-side apply; a field that the API server does not know is an error. */
  async apply(objects = this.objects): Promise<void> {
    const isFirst = ({ kind }: Manifest) => NAMESPACES_FIRST.includes(kind);
    for (const object of objects.filter(isFirst)) await this.#applyOne(object);
    await Promise.all(objects.filter((one) => !isFirst(one)).map((one) => this.#applyOne(one)));
  }

  /** Asks for all to go, and waits for nothing. */
  async askToGo(): Promise<readonly string[]> {
    const paths = await Promise.all(this.objects.map((object) => this.pathOf(object)));
    await Promise.all(paths.map((path) => this.#deleteOne(path)));
    return paths;
  }

  /** As `kubectl delete -k` does: asks for all to go, and resolves when all is gone. */
  async remove(untilMs: number): Promise<void> {
    const paths = await this.askToGo();
    for (const path of paths) {
      while (await this.#exists(path)) {
        if (performance.now() > untilMs) throw new Error(`${path} is still there`);
        await new Promise((wake) => setTimeout(wake, 200));
      }
    }
  }

  async read<T = Manifest>(kind: string, name: string): Promise<T> {
    const path = await this.pathOf(this.find(kind, name));
    return this.#admin.call<T>({ method: 'GET', path });
  }

  async pathOf({ apiVersion, kind, metadata }: Manifest): Promise<string> {
    const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const found = (await this.#discover(root)).find(
      (resource) => resource.kind === kind && !resource.name.includes('/'),
    );
    if (found === undefined) throw new Error(`the cluster has no ${kind} in ${apiVersion}`);
    const place = found.namespaced ? join(root, 'namespaces', metadata.namespace ?? '') : root;
    return join(place, found.name, metadata.name);
  }

  async #applyOne(body: Manifest): Promise<void> {
    const query = { fieldManager: 'manifests-test', fieldValidation: 'Strict', force: true };
    const path = await this.pathOf(body);
    try {
      await this.#admin.call({ method: 'PATCH', path, query, body, contentType: APPLY });
    } catch (error) {
      const why = error instanceof ApiError ? error.serverMessage : undefined;
      throw new Error(`${body.kind} ${body.metadata.name}: ${why}`, { cause: error });
    }
  }

  async #deleteOne(path: string): Promise<void> {
    await this.#admin.call({ method: 'DELETE', path }).catch(ignoreAbsence);
  }

  async #exists(path: string): Promise<boolean> {
    const found = await this.#admin.call({ method: 'GET', path }).catch(ignoreAbsence);
    return found !== undefined;
  }

  #discover(root: string): Promise<readonly Resource[]> {
    const known = this.#resources.get(root);
    if (known !== undefined) return known;
    const asked = this.#admin
      .call<{ resources: Resource[] }>({ method: 'GET', path: root })
      .then(({ resources }) => resources);
    this.#resources.set(root, asked);
    return asked;
  }

  #rename(objects: readonly Manifest[]): Manifest[] {
    const renamed = JSON.stringify(objects).replace(
      /"(trainer-system|trainer-jobs|[\w-]+-runtime|trainer-[\w-]+-api)"/g,
      (_, name: string) => `"${this.nameOf(name)}"`,
    );
    const accounts = `serviceaccount:${this.nameOf('trainer-system')}:`;
    return JSON.parse(renamed.replaceAll('serviceaccount:trainer-system:', accounts));
  }
}

function ignoreAbsence(error: unknown): undefined {
  if (!(error instanceof ApiError && error.status === 404)) throw error;
}
