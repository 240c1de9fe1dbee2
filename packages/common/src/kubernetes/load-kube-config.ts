import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { KubeConfig, User } from '@kubernetes/client-node';
import { parse } from 'yaml';
import { ConfigError } from '../config.ts';

/** What is read of a kubeconfig besides what the library reads. */
interface RawConfig {
  readonly users?: readonly {
    readonly name?: string;
    readonly user?: { readonly tokenFile?: string } | null;
  }[];
}

/**
 * Where the cluster is and who we are: from `path`, else from `KUBECONFIG`, the home directory's
 * kubeconfig or the pod's service account.
 * @throws ConfigError when none of them describes a cluster, or no account to use there.
 */
export async function loadKubeConfig(path: string | undefined): Promise<KubeConfig> {
  // Costs most of a second and 90 MB, so that only the Kubernetes mode pays for it.
  const { KubeConfig: Library } = await import('@kubernetes/client-node');

  class TokenFileConfig extends Library {
    // The library knows token files of service accounts alone, and drops those of a kubeconfig.
    override loadFromFile(file: string, ...rest: [never?]): void {
      super.loadFromFile(file, ...rest);
      const tokenFiles = readTokenFiles(file);
      this.users = this.users.map((user) => withTokenFile(user, tokenFiles.get(user.name)));
    }
  }

  const config = new TokenFileConfig();
  if (path === undefined) config.loadFromDefault();
  else config.loadFromFile(path);
  // What the library falls back to when it finds nothing at all.
  if (config.getCurrentCluster()?.server === 'http://localhost:8080') {
    throw new ConfigError(
      'No Kubernetes cluster is configured: run inside one, or set KUBECONFIG to a kubeconfig file.',
    );
  }
  assertKnown(config);
  return config;
}

/** Paths of the token files of a kubeconfig, by the name of the user. */
function readTokenFiles(file: string): ReadonlyMap<string, string> {
  const { users = [] } = (parse(readFileSync(file, 'utf8')) ?? {}) as RawConfig;
  return new Map(
    users.flatMap(({ name, user }) =>
      name === undefined || user?.tokenFile === undefined
        ? []
        : [[name, resolve(dirname(file), user.tokenFile)] as const],
    ),
  );
}

/** As `kubectl` does, the file is preferred to a token beside it. */
function withTokenFile(user: User, tokenFile: string | undefined): User {
  if (tokenFile === undefined) return user;
  const { token: _token, ...rest } = user;
  return { ...rest, authProvider: { name: 'tokenFile', config: { tokenFile } } };
}

/** Whoever reaches the server over plain http does so through a proxy that knows who he is. */
function assertKnown(config: KubeConfig): void {
  const cluster = config.getCurrentCluster();
  if (cluster === null || cluster.server.startsWith('http://')) return;
  const user = config.getCurrentUser();
  const { token, certData, certFile, exec, authProvider, username } = user ?? {};
  if (token || certData || certFile || exec || authProvider || username) return;
  const whose =
    user === null
      ? 'Its current context names no user'
      : `Its user ${user.name} has no credentials`;
  throw new ConfigError(
    `The kubeconfig does not say who we are. ${whose}; ` +
      'give it a token, a tokenFile, a client certificate or an exec plugin.',
  );
}
