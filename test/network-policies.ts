import { BlockList, isIPv6 } from 'node:net';
import type { Manifest } from './manifests.ts';

type Labels = Readonly<Record<string, string>>;

interface Selector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
    readonly values?: readonly string[];
  }[];
}

interface Peer {
  readonly namespaceSelector?: Selector;
  readonly podSelector?: Selector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}

interface Port {
  readonly protocol?: string;
  readonly port?: number | string;
  readonly endPort?: number;
}

interface Rule {
  readonly from?: readonly Peer[];
  readonly to?: readonly Peer[];
  readonly ports?: readonly Port[];
}

/** A pod of the cluster, as far as policies look at it. */
export interface PodPeer {
  readonly namespace: string;
  readonly labels: Labels;
  /** Names of its container ports. */
  readonly ports?: Readonly<Record<string, number>>;
}

/** An end of a connection: a pod, or an address that is none's. */
export type Endpoint = PodPeer | { readonly ip: string };

export interface Connection {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly port: number;
  readonly protocol?: 'TCP' | 'UDP';
}

const OPERATORS = {
  Exists: (value: string | undefined) => value !== undefined,
  DoesNotExist: (value: string | undefined) => value === undefined,
  In: (value: string | undefined, values: readonly string[]) =>
    value !== undefined && values.includes(value),
  // An absent label is in no list.
  NotIn: (value: string | undefined, values: readonly string[]) =>
    value === undefined || !values.includes(value),
};

/**
 * What a network plugin would do by these NetworkPolicies, as the Kubernetes documentation has it:
 * a pod that no policy selects is open; of one that is selected, what any rule lets through.
 */
export class NetworkPolicies {
  readonly #policies: readonly Manifest[];
  readonly #namespaces: ReadonlyMap<string, Labels>;

  /** `namespaces` are labels by name; each has the name as a label, which Kubernetes adds. */
  constructor(objects: readonly Manifest[], namespaces: Readonly<Record<string, Labels>>) {
    this.#policies = objects.filter(({ kind }) => kind === 'NetworkPolicy');
    this.#namespaces = new Map(
      Object.entries(namespaces).map(([name, labels]) => {
        return [name, { ...labels, 'kubernetes.io/metadata.name': name }];
      }),
    );
  }

  allow(connection: Connection): boolean {
    const { from, to } = connection;
    return (
      ('ip' in to || this.#passes('Ingress', to, from, connection)) &&
      ('ip' in from || this.#passes('Egress', from, to, connection))
    );
  }

  #passes(type: 'Ingress' | 'Egress', pod: PodPeer, other: Endpoint, connection: Connection) {
    const selecting = this.#policies.filter(
      ({ metadata, spec }) =>
        metadata.namespace === pod.namespace &&
        spec.policyTypes.includes(type) &&
        matches(spec.podSelector, pod.labels),
    );
    if (selecting.length === 0) return true;
    return selecting.some(({ metadata, spec }) =>
      ((type === 'Ingress' ? spec.ingress : spec.egress) ?? []).some((rule: Rule) => {
        const peers = type === 'Ingress' ? rule.from : rule.to;
        return (
          (peers === undefined ||
            peers.some((peer) => this.#isPeer(peer, other, metadata.namespace ?? ''))) &&
          (rule.ports === undefined || rule.ports.some((port) => isPort(port, connection)))
        );
      }),
    );
  }

  #isPeer({ ipBlock, podSelector, namespaceSelector }: Peer, other: Endpoint, home: string) {
    if ('ip' in other) return ipBlock !== undefined && isInBlock(ipBlock, other.ip);
    if (ipBlock !== undefined) return false;
    const labels = this.#namespaces.get(other.namespace);
    if (labels === undefined) throw new Error(`there is no namespace ${other.namespace}`);
    const isHere =
      namespaceSelector === undefined
        ? other.namespace === home
        : matches(namespaceSelector, labels);
    return isHere && (podSelector === undefined || matches(podSelector, other.labels));
  }
}

function matches({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) =>
      OPERATORS[operator](labels[key], values),
    )
  );
}

function isPort({ protocol = 'TCP', port, endPort }: Port, { to, ...wanted }: Connection) {
  if (protocol !== (wanted.protocol ?? 'TCP')) return false;
  if (port === undefined) return true;
  const first = typeof port === 'number' ? port : 'ip' in to ? undefined : to.ports?.[port];
  return first !== undefined && wanted.port >= first && wanted.port <= (endPort ?? first);
}

function isInBlock({ cidr, except = [] }: NonNullable<Peer['ipBlock']>, ip: string): boolean {
  const isIn = (range: string) => {
    const [network = '', bits] = range.split('/');
    const family = isIPv6(network) ? 'ipv6' : 'ipv4';
    const list = new BlockList();
    list.addSubnet(network, Number(bits), family);
    return isIPv6(ip) === (family === 'ipv6') && list.check(ip, family);
  };
  return isIn(cidr) && !except.some(isIn);
}
