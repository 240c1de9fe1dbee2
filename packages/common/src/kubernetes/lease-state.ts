import { NUMBERS_PER_MS } from '../jobs/sequence.ts';

/** A Lease (`coordination.k8s.io/v1`) as far as it is read here. */
export interface Lease {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly resourceVersion?: string };
  readonly spec?: {
    readonly holderIdentity?: string | null;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string | null;
    readonly renewTime?: string | null;
    readonly leaseTransitions?: number;
  };
}

/** Until when a Lease holds, from when this process first saw it as it is. Clocks of others are never compared with ours. */
export interface Sighting {
  readonly version: string | undefined;
  readonly expiresAtMs: number;
}

/** As long as Kubernetes' own leader election, so that a slow API server does not cost a backend its leader. */
export const LEASE_SECONDS = 15;

/** The sighting of a Lease read at monotonic `nowMs`; an unchanged one keeps its first. */
export function toSighting(lease: Lease, before: Sighting | undefined, nowMs: number): Sighting {
  const version = lease.metadata.resourceVersion;
  if (before !== undefined && before.version === version) return before;
  const isFree = !lease.spec?.holderIdentity;
  const durationMs = (lease.spec?.leaseDurationSeconds ?? LEASE_SECONDS) * 1000;
  return { version, expiresAtMs: isFree ? nowMs : nowMs + durationMs };
}

/**
 * Up to what time the holder of a Lease may have numbered events, or may yet, by its own clock. A
 * holder acts for less than the duration after a renewal, and not at all once it has released.
 */
export function toNumberedUntilMs({ spec }: Lease): number | undefined {
  const renewedAtMs = Date.parse(spec?.renewTime ?? '');
  if (Number.isNaN(renewedAtMs)) return undefined;
  return renewedAtMs + (spec?.holderIdentity ? LEASE_SECONDS * 1000 : 0);
}

/** The Lease with `holder` in it; `reachedMs` is past every number that it has given out. */
export function toAcquired(lease: Lease, holder: string, reachedMs: number): Lease {
  const time = toMicroTime(reachedMs);
  return {
    ...lease,
    spec: {
      holderIdentity: holder,
      leaseDurationSeconds: LEASE_SECONDS,
      acquireTime: time,
      renewTime: time,
      leaseTransitions: toTransitions(lease, reachedMs, 1),
    },
  };
}

export function toRenewed(lease: Lease, reachedMs: number): Lease {
  return {
    ...lease,
    spec: {
      ...lease.spec,
      renewTime: toMicroTime(reachedMs),
      leaseTransitions: toTransitions(lease, reachedMs, 0),
    },
  };
}

/** The Lease free for anyone at once. */
export function toReleased(lease: Lease, reachedMs: number): Lease {
  const renewed = toRenewed(lease, reachedMs);
  return { ...renewed, spec: { ...renewed.spec, holderIdentity: '', leaseDurationSeconds: 1 } };
}

/**
 * How often the holder has changed, and no less than our numbers in hundreds of millions: the first
 * versions number their events by that, and so beside us or after us above ours.
 */
function toTransitions({ spec }: Lease, reachedMs: number, added: number): number {
  const numbered = Math.ceil((reachedMs * NUMBERS_PER_MS) / 100_000_000);
  return Math.max((spec?.leaseTransitions ?? 0) + added, numbered);
}

/** Kubernetes' MicroTime. */
function toMicroTime(nowMs: number): string {
  return new Date(nowMs).toISOString().replace('Z', '000Z');
}
