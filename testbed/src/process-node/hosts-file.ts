import type { Pod } from './pod.ts';

/** A pod of the node and its address. */
export interface PodAddress {
  readonly pod: Pod;
  readonly ip: string;
}

/**
 * What `/etc/hosts` of a pod says: itself, its `hostAliases`, and every pod of its namespace that a
 * headless Service names by hostname and subdomain, which is where a cluster would ask its DNS.
 */
export function buildHostsFile(own: PodAddress, all: readonly PodAddress[]): string {
  const { namespace } = own.pod.metadata;
  const neighbours = all.filter(({ pod }) => pod.metadata.namespace === namespace);
  const lines = [
    '127.0.0.1\tlocalhost',
    `${own.ip}\t${[...serviceNamesOf(own.pod), hostnameOf(own.pod)].join(' ')}`,
    ...neighbours
      .filter(({ pod }) => pod.metadata.uid !== own.pod.metadata.uid)
      .flatMap(({ pod, ip }) => {
        const names = serviceNamesOf(pod);
        return names.length > 0 ? [`${ip}\t${names.join(' ')}`] : [];
      }),
    ...(own.pod.spec.hostAliases ?? []).map(
      ({ ip, hostnames = [] }) => `${ip}\t${hostnames.join(' ')}`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

/** A pod's own name for itself: its name unless its spec says another. */
export function hostnameOf({ metadata, spec }: Pod): string {
  return (spec.hostname ?? metadata.name).slice(0, 63);
}

function serviceNamesOf({ metadata, spec }: Pod): string[] {
  if (spec.hostname === undefined || spec.subdomain === undefined) return [];
  const name = `${spec.hostname}.${spec.subdomain}`;
  return [
    `${name}.${metadata.namespace}.svc.cluster.local`,
    `${name}.${metadata.namespace}.svc`,
    `${name}.${metadata.namespace}`,
    name,
  ];
}
