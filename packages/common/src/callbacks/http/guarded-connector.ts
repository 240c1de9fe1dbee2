import { lookup as systemLookup } from 'node:dns/promises';
import { isIP, type LookupFunction, type Socket } from 'node:net';
import { LRUCache } from 'lru-cache';
import pLimit from 'p-limit';
import { buildConnector } from 'undici';
import type { AddressPolicy } from './address-policy.ts';

/** All addresses of a host name, as `dns.promises.lookup` gives them. */
export type HostLookup = (hostName: string) => Promise<readonly { readonly address: string }[]>;

/** The policy lets none of the addresses be dialled; the message completes "The webhook …". */
export class RefusedAddressError extends Error {
  override readonly name = 'RefusedAddressError';
}

export interface GuardedConnectorOptions {
  readonly policy: AddressPolicy;
  /** For connecting and the TLS handshake. */
  readonly timeoutMs: number;
  /** The system's own by default. */
  readonly lookup?: HostLookup | undefined;
}

/** Node looks names up in a few threads, of which those that took long last time get so many. */
const CONCURRENT_SUSPECTS = 2;
const MAX_SUSPECTS = 1000;
const SLOW_MS = 2000;
/** A connector is kept, with its TLS sessions, for so many ports. */
const MAX_PORTS = 64;

/**
 * Opens connections for an undici Agent, to addresses only that the policy allows: what is checked
 * is what is dialled, so a name that resolves differently each time gains nothing.
 */
export class GuardedConnector {
  readonly #policy: AddressPolicy;
  readonly #lookup: HostLookup;
  readonly #lookups = new Map<string, ReturnType<HostLookup>>();
  readonly #suspects = new LRUCache<string, true>({ max: MAX_SUSPECTS });
  readonly #limitSuspects = pLimit(CONCURRENT_SUSPECTS);
  readonly #connecting = new Set<Socket>();
  /** By port, which undici does not pass to the lookup. */
  readonly #connectors: LRUCache<number, buildConnector.connector>;

  constructor({ policy, timeoutMs, lookup }: GuardedConnectorOptions) {
    this.#policy = policy;
    this.#lookup = lookup ?? ((hostName) => systemLookup(hostName, { all: true }));
    this.#connectors = new LRUCache({
      max: MAX_PORTS,
      memoMethod: (port) =>
        buildConnector({ timeout: timeoutMs, allowH2: false, lookup: this.#toLookup(port) }),
    });
  }

  readonly connect: buildConnector.connector = (target, callback) => {
    const port = Number(target.port || (target.protocol === 'https:' ? 443 : 80));
    // Node never asks the lookup about an IP address.
    const refusal =
      isIP(target.hostname) === 0 ? undefined : this.#policy.refuseAddress(target.hostname, port);
    if (refusal !== undefined) {
      queueMicrotask(() => callback(new RefusedAddressError(refusal), null));
      return;
    }
    const dial = this.#connectors.memo(port) as (
      ...args: Parameters<typeof this.connect>
    ) => Socket;
    const socket = dial(target, (...outcome) => {
      this.#connecting.delete(socket);
      callback(...outcome);
    });
    this.#connecting.add(socket);
  };

  /** Gives up the connections that are still being opened; undici only knows the open ones. */
  close(): void {
    for (const socket of this.#connecting) socket.destroy(new Error('closed'));
    this.#connecting.clear();
  }

  #toLookup(port: number): LookupFunction {
    return (hostName, options, callback) => {
      this.#resolve(hostName).then(
        (found) => {
          const refusals = found.map(({ address }) => this.#policy.refuseAddress(address, port));
          const allowed = found
            .filter((_, index) => refusals[index] === undefined)
            .map(({ address }) => ({ address, family: isIP(address) }));
          const [first] = allowed;
          if (first === undefined) {
            const refusal = refusals[0] ?? 'must point to a host that has an address';
            callback(new RefusedAddressError(refusal), '');
          } else if (options.all) callback(null, allowed);
          else callback(null, first.address, first.family);
        },
        (error) => callback(error, ''),
      );
    };
  }

  /** One question at a time for each name: a name that hangs holds one of libuv's few threads. */
  #resolve(hostName: string): ReturnType<HostLookup> {
    const known = this.#lookups.get(hostName);
    if (known !== undefined) return known;
    const ask = () => this.#ask(hostName);
    const asked = this.#suspects.has(hostName) ? this.#limitSuspects(ask) : ask();
    const lookup = asked.finally(() => this.#lookups.delete(hostName));
    this.#lookups.set(hostName, lookup);
    return lookup;
  }

  async #ask(hostName: string): ReturnType<HostLookup> {
    const startedAtMs = performance.now();
    try {
      return await this.#lookup(hostName);
    } finally {
      const isSlow = performance.now() - startedAtMs > SLOW_MS;
      if (isSlow) this.#suspects.set(hostName, true);
      else this.#suspects.delete(hostName);
    }
  }
}
