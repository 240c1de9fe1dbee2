import { randomUUID } from 'node:crypto';
import { type ApiClient, createApiClient, TestCluster } from '@trainer/common/testing/cluster';
import { Installation } from '../installation.ts';
import { manifestFolderOf, readFolder } from '../manifests.ts';

/** Beside that of the service. */
const FOLDERS = ['k8s/base', 'k8s/components/kueue'];
/** What says what a service may: its account, its rights, and what the cluster admits of it. */
const KINDS = [
  ...['Namespace', 'ServiceAccount', 'Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'],
  ...['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding'],
  // The settings of which the policy makes sure.
  'ConfigMap',
];

/** The account of a service as its manifests make it, in namespaces of its own. */
export class InstalledAccount {
  /** The namespace of its jobs. */
  readonly cluster: TestCluster;
  readonly kubeconfigPath: string;
  readonly #installation: Installation;
  readonly #admin: ApiClient;

  private constructor(
    cluster: TestCluster,
    kubeconfigPath: string,
    installation: Installation,
    admin: ApiClient,
  ) {
    this.#admin = admin;
    this.cluster = cluster;
    this.kubeconfigPath = kubeconfigPath;
    this.#installation = installation;
  }

  static async create(administrator: string, service: string): Promise<InstalledAccount> {
    const admin = await createApiClient({ kubeconfigPath: administrator });
    const objects = await Promise.all(FOLDERS.concat(manifestFolderOf(service)).map(readFolder));
    const wanted = objects.flat().filter(({ kind }) => KINDS.includes(kind));
    const installation = new Installation(admin, wanted, randomUUID().slice(0, 6));
    await installation.apply();
    const account = await installation.pathOf(installation.find('ServiceAccount', service));
    const { status } = await admin.call<{ status: { token: string } }>({
      ...{ method: 'POST', path: `${account}/token`, body: { spec: { expirationSeconds: 3600 } } },
    });
    const cluster = await TestCluster.adopt(administrator, installation.nameOf('trainer-jobs'));
    const path = await cluster.writeKubeconfig(service, { token: status.token });
    return new InstalledAccount(cluster, path, installation, admin);
  }

  async close(): Promise<void> {
    await this.#installation.askToGo();
    await this.#admin.close();
  }
}
