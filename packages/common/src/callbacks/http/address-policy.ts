import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { LRUCache } from 'lru-cache';
import { HostPattern, toBareHost, toHostName } from './host-pattern.ts';

export interface AddressPolicySettings {
  /** Only for a service that itself listens on loopback alone. */
  readonly allowLoopback: boolean;
  /** Host patterns, of which a webhook's host must match one; undefined for any host. */
  readonly allowedHosts: readonly string[] | undefined;
  /** Refuses addresses of private networks, too. */
  readonly publicOnly?: boolean;
  /** The cluster's API servers: an IP address or a host name, and a port. */
  readonly forbiddenEndpoints: readonly { readonly address: string; readonly port: number }[];
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Ranges = Record<string, [Address, number][]>;

/** Keys complete "must not point to …". */
const FORBIDDEN_RANGES = toRanges({
  'a link-local or metadata address': [
    '169.254.0.0/16',
    'fe80::/10',
    '100.100.100.200/32', // Alibaba Cloud
    '168.63.129.16/32', // Azure
    '192.0.0.192/32', // Oracle Cloud
    'fd00:c1::a9fe:a9fe/128', // Oracle Cloud
    'fd00:ec2::/32', // AWS
    'fd20:ce::254/128', // Google Cloud
    'fd00:42::42/128', // Scaleway
  ],
  'an unspecified address': ['0.0.0.0/8', '::/128'],
  'a multicast, broadcast or reserved address': ['224.0.0.0/3', 'ff00::/8'],
});
const LOOPBACK_RANGES = toRanges({ loopback: ['127.0.0.0/8', '::1/128'] });

/**
 * IPv6 that a router turns into IPv4: where in its 16 bytes the IPv4 address begins. Mapped, SIIT
 * (RFC 2765), NAT64 (RFC 6052) and 6to4 (RFC 3056).
 */
const IPV4_OFFSETS: [ranges: Ranges, offset: number][] = [
  [toRanges({ at12: ['::ffff:0:0/96', '::ffff:0:0:0/96', '64:ff9b::/96'] }), 12],
  [toRanges({ at2: ['2002::/16'] }), 2],
];
/**
 * IPv4-compatible, Teredo and local NAT64 (RFC 8215), whose layouts are the operator's own: nobody's
 * webhook, and a way to write any IPv4 address.
 */
const TUNNEL_RANGES = toRanges({ tunnel: ['::/96', '2001::/32', '64:ff9b:1::/48'] });

/** Of a host name in DNS, with a dot at its end. */
const MAX_NAME_LENGTH = 254;
const MAX_ORIGINS = 1000;
const METADATA_NAMES = new Set(['metadata.google.internal', 'metadata.goog']);
const LOOPBACK_NAME = /^(.*\.)?localhost(\.localdomain)?$/;
const API_SERVER_NAME = /^kubernetes\.default(\.svc(\..+)?)?$/;

const METADATA = 'must not point to a link-local or metadata address';
const LOOPBACK = 'must not point to a loopback address';
const PRIVATE = 'must not point to a private address';
const API_SERVER = "must not point to the cluster's own API server";
const DEFAULT_PORTS: Record<string, number> = { 'http:': 80, 'https:': 443 };

/**
 * Where a webhook may point: http and https to public, private and carrier-grade NAT addresses.
 * Judge a URL before every POST, and every address before it is dialled: a name may resolve to
 * anything. Refusals complete "callbacks.webhook_url …" and never repeat the URL.
 */
export class AddressPolicy {
  readonly #allowLoopback: boolean;
  readonly #allowedHosts: readonly HostPattern[] | undefined;
  readonly #publicOnly: boolean;
  readonly #forbiddenEndpoints: ReadonlySet<string>;
  /** What was found of an origin never changes, and the same few are asked about at every POST. */
  readonly #origins = new LRUCache<string, { readonly refusal: string | undefined }, URL>({
    max: MAX_ORIGINS,
    memoMethod: (_origin, _stale, { context }) => ({ refusal: this.#refuseOrigin(context) }),
  });

  /** @throws TypeError when one of `allowedHosts` is not a host pattern. */
  constructor(settings: AddressPolicySettings) {
    this.#allowLoopback = settings.allowLoopback;
    this.#allowedHosts = settings.allowedHosts?.map((text) => new HostPattern(text));
    this.#publicOnly = settings.publicOnly ?? false;
    this.#forbiddenEndpoints = new Set(
      settings.forbiddenEndpoints.map(({ address, port }) => toEndpoint(address, port)),
    );
  }

  /** Why `url` may not be a webhook, as far as its text shows; undefined when it may. */
  refuseUrl(url: string | URL): string | undefined {
    const parsed = typeof url === 'string' ? URL.parse(url) : url;
    if (!parsed || DEFAULT_PORTS[parsed.protocol] === undefined) {
      return 'must be an absolute http or https URL';
    }
    return this.#origins.memo(parsed.origin, { context: parsed }).refusal;
  }

  /** Why `port` of the IP address `address` may not be dialled; undefined when it may. */
  refuseAddress(address: string, port: number): string | undefined {
    if (port === 0) return 'must not use port 0';
    const [bare = ''] = address.split('%');
    // ipaddr.js alone reads octal and short forms too, and `::1.2.3.4` as a mapped address.
    if (isIP(bare) === 0) return 'must not point to an address that is not plainly written';
    return this.#refuse(ipaddr.parse(toHostName(bare)), port);
  }

  /** Of an http or https URL, only these three parts count. */
  #refuseOrigin({ protocol, hostname, port: text }: URL): string | undefined {
    const port = Number(text || DEFAULT_PORTS[protocol]);
    const host = hostname.length > MAX_NAME_LENGTH ? '' : toBareHost(hostname);
    if (host === '') return 'must name a host';
    const refusal =
      isIP(host) === 0 ? this.#refuseName(host, port) : this.refuseAddress(host, port);
    if (refusal !== undefined) return refusal;
    if (this.#allowedHosts?.every((pattern) => !pattern.matches(host, port))) {
      return 'must point to a host that TRAINER_CALLBACK_ALLOWED_HOSTS allows';
    }
    return undefined;
  }

  #refuse(address: Address, port: number): string | undefined {
    if (this.#forbiddenEndpoints.has(`${address.toNormalizedString()} ${port}`)) return API_SERVER;
    if (isIn(LOOPBACK_RANGES, address)) return this.#allowLoopback ? undefined : LOOPBACK;
    const forbidden = ipaddr.subnetMatch(address, FORBIDDEN_RANGES, '');
    if (forbidden !== '') return `must not point to ${forbidden}`;
    if (isIn(TUNNEL_RANGES, address)) return 'must not point to an IPv4 address inside an IPv6 one';
    const embedded = toEmbeddedIpv4(address);
    if (embedded !== undefined) return this.#refuse(embedded, port);
    return this.#publicOnly && address.range() !== 'unicast' ? PRIVATE : undefined;
  }

  #refuseName(name: string, port: number): string | undefined {
    if (port === 0) return 'must not use port 0';
    if (METADATA_NAMES.has(name)) return METADATA;
    if (LOOPBACK_NAME.test(name) && !this.#allowLoopback) return LOOPBACK;
    const isApiServer =
      API_SERVER_NAME.test(name) || this.#forbiddenEndpoints.has(`${name} ${port}`);
    return isApiServer ? API_SERVER : undefined;
  }
}

function toEmbeddedIpv4(address: Address): ipaddr.IPv4 | undefined {
  const offset = IPV4_OFFSETS.find(([ranges]) => isIn(ranges, address))?.[1];
  if (offset === undefined) return undefined;
  return new ipaddr.IPv4(address.toByteArray().slice(offset, offset + 4));
}

function isIn(ranges: Ranges, address: Address): boolean {
  return ipaddr.subnetMatch(address, ranges, '') !== '';
}

function toEndpoint(address: string, port: number): string {
  const host = toHostName(address);
  if (isIP(host) === 0) return `${host} ${port}`;
  const parsed = ipaddr.parse(host);
  return `${(toEmbeddedIpv4(parsed) ?? parsed).toNormalizedString()} ${port}`;
}

function toRanges(texts: Record<string, readonly string[]>): Ranges {
  const entries = Object.entries(texts);
  return Object.fromEntries(entries.map(([name, list]) => [name, list.map(ipaddr.parseCIDR)]));
}
