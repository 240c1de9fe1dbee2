import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { ApiClient } from '../../src/kubernetes/api-client.ts';
import { createApiClient } from '../../src/kubernetes/http-client.ts';

export interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** What a service may do in the namespace of its jobs, as the deployment manifests say. */
export const SERVICE_RULES: readonly PolicyRule[] = [
  {
    apiGroups: [''],
    resources: ['secrets'],
    verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
  },
  {
    apiGroups: ['trainer.kubeflow.org'],
    resources: ['trainjobs'],
    verbs: ['get', 'list', 'watch', 'create', 'delete'],
  },
  {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    verbs: ['get', 'create', 'update'],
  },
  { apiGroups: [''], resources: ['pods', 'events'], verbs: ['list', 'watch'] },
  { apiGroups: [''], resources: ['persistentvolumeclaims'], verbs: ['get'] },
  { apiGroups: ['trainer.kubeflow.org'], resources: ['trainingruntimes'], verbs: ['get'] },
];

/** What it may do beyond that namespace. */
const CLUSTER_RULES: readonly PolicyRule[] = [
  { apiGroups: ['trainer.kubeflow.org'], resources: ['clustertrainingruntimes'], verbs: ['get'] },
];
const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const RBAC_GROUP = 'rbac.authorization.k8s.io';

interface Kubeconfig {
  readonly clusters: readonly { readonly cluster: { readonly server: string } }[];
}

/** One suite's part of the shared cluster: a namespace of its own, and accounts in it. */
export class TestCluster {
  readonly namespace: string;
  readonly admin: ApiClient;
  readonly #dir: string;
  readonly #kubeconfig: Kubeconfig;
  #isGranted = false;

  private constructor(namespace: string, admin: ApiClient, dir: string, kubeconfig: Kubeconfig) {
    this.namespace = namespace;
    this.admin = admin;
    this.#dir = dir;
    this.#kubeconfig = kubeconfig;
  }

  static async create(kubeconfigPath: string): Promise<TestCluster> {
    const cluster = await TestCluster.adopt(kubeconfigPath, `test-${randomUUID().slice(0, 8)}`);
    await cluster.#post('/api/v1/namespaces', { metadata: { name: cluster.namespace } });
    await cluster.#grantClusterRules();
    return cluster;
  }

  /** A namespace that somebody else makes, with accounts and rights of its own. */
  static async adopt(kubeconfigPath: string, namespace: string): Promise<TestCluster> {
    const admin = await createApiClient({ kubeconfigPath });
    const kubeconfig = parse(await readFile(kubeconfigPath, 'utf8')) as Kubeconfig;
    const dir = await mkdtemp(join(tmpdir(), `${namespace}-`));
    return new TestCluster(namespace, admin, dir, kubeconfig);
  }

  /** The kubeconfig of a new ServiceAccount that may do what `rules` say in the namespace. */
  async createAccount(rules = SERVICE_RULES, changes: object = {}): Promise<string> {
    const name = `account-${randomUUID().slice(0, 8)}`;
    const metadata = { name, namespace: this.namespace };
    const accounts = `/api/v1/namespaces/${this.namespace}/serviceaccounts`;
    const rbac = `${RBAC}/namespaces/${this.namespace}`;
    await Promise.all([
      this.#post(accounts, { metadata }),
      this.#post(`${rbac}/roles`, { metadata, rules }),
      this.#post(`${rbac}/rolebindings`, {
        metadata,
        roleRef: { apiGroup: RBAC_GROUP, kind: 'Role', name },
        subjects: [{ kind: 'ServiceAccount', name, namespace: this.namespace }],
      }),
    ]);
    const { status } = await this.#post<{ status: { token: string } }>(
      `${accounts}/${name}/token`,
      { spec: { expirationSeconds: 3600 } },
    );
    return this.writeKubeconfig(name, { token: status.token }, changes);
  }

  /** A kubeconfig of this cluster for `user`, its cluster entry changed by `changes`. */
  async writeKubeconfig(name: string, user: object, changes: object = {}): Promise<string> {
    const path = join(this.#dir, `${name}.json`);
    const cluster = { ...this.#kubeconfig.clusters[0]?.cluster, ...changes };
    const text = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name, cluster }],
      users: [{ name, user }],
      contexts: [{ name, context: { cluster: name, user: name, namespace: this.namespace } }],
      'current-context': name,
    });
    await writeFile(path, text, { mode: 0o600 });
    return path;
  }

  /** The cluster's own address. */
  get server(): string {
    return this.#kubeconfig.clusters[0]?.cluster.server ?? '';
  }

  /** Removes the namespace with all that is in it, without waiting for that. */
  async close(): Promise<void> {
    for (const kind of this.#isGranted ? ['clusterrolebindings', 'clusterroles'] : []) {
      await this.admin.call({ method: 'DELETE', path: `${RBAC}/${kind}/${this.#clusterRole}` });
    }
    await this.admin.call({ method: 'DELETE', path: `/api/v1/namespaces/${this.namespace}` });
    await this.admin.close();
    await rm(this.#dir, { recursive: true, force: true });
  }

  get #clusterRole(): string {
    return `${this.namespace}-runtimes`;
  }

  /** To every account of the namespace. */
  async #grantClusterRules(): Promise<void> {
    const metadata = { name: this.#clusterRole };
    this.#isGranted = true;
    await this.#post(`${RBAC}/clusterroles`, { metadata, rules: CLUSTER_RULES });
    await this.#post(`${RBAC}/clusterrolebindings`, {
      metadata,
      roleRef: { apiGroup: RBAC_GROUP, kind: 'ClusterRole', name: this.#clusterRole },
      subjects: [
        { apiGroup: RBAC_GROUP, kind: 'Group', name: `system:serviceaccounts:${this.namespace}` },
      ],
    });
  }

  #post<T>(path: string, body: object): Promise<T> {
    return this.admin.call<T>({ method: 'POST', path, body });
  }
}
