import { isIPv4, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';

/**
 * Which hosts an operator allows: a host name or IP address in which `*` stands for any text, with
 * or without a port (`*.example.com`, `10.0.0.*`, `[fd00::7]:8080`). Letter case does not count.
 */
export class HostPattern {
  readonly #host: RegExp;
  readonly #port: number | undefined;

  /** @throws TypeError when `text` is none. */
  constructor(text: string) {
    const [, hostText = '', port] =
      /^(\[.*\]|[^:]*)(?::(\d{1,5}))?$/.exec(isIPv6(text) ? `[${text}]` : text) ?? [];
    const host = toHostName(hostText);
    const isHost = host !== '' && !/[\s/\\?#@%]/.test(hostText);
    if (!isHost) throw new TypeError(`${JSON.stringify(text)} is not a host pattern.`);
    const parts = host.split('*').map((part) => part.replace(/[^a-z0-9]/g, '\\$&'));
    this.#host = new RegExp(`^${parts.join('.*')}$`);
    this.#port = port === undefined ? undefined : Number(port);
  }

  /** `host` as `toHostName` writes it. */
  matches(host: string, port: number): boolean {
    return (this.#port === undefined || this.#port === port) && this.#host.test(host);
  }
}

/**
 * The one way to write a host: lower case, punycode, IPv4 decimal and dotted, IPv6 compressed and
 * without brackets, no dot at the end. Empty for what is no host.
 */
export function toHostName(text: string): string {
  const host = toBareHost(text);
  if (isIPv4(host)) return host;
  if (!isIPv6(host)) return domainToASCII(host);
  return URL.parse(`http://[${host}]`)?.hostname.slice(1, -1) ?? '';
}

/** `toHostName` for a URL's `hostname`, which is all but bare. */
export function toBareHost(hostname: string): string {
  return hostname.replace(/\.+$/, '').replace(/^\[|\]$/g, '');
}
