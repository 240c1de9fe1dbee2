import { toFirstTerm } from '../jobs/leadership.ts';

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

export const LEASE_SECONDS = 10;

/** The sighting of a Lease read at monotonic `nowMs`; an unchanged one keeps its first. */
export function toSighting(lease: Lease, before: Sighting | undefined, nowMs: number): Sighting {
  const version = lease.metadata.resourceVersion;
  if (before !== undefined && before.version === version) return before;
  const isFree = !lease.spec?.holderIdentity;
  const durationMs = (lease.spec?.leaseDurationSeconds ?? LEASE_SECONDS) * 1000;
  return { version, expiresAtMs: isFree ? nowMs : nowMs + durationMs };
}

/** The Lease with `holder` in it, in a term of its own, above the last one that we know of. */
export function toAcquired(lease: Lease, holder: string, lastTerm: number, nowMs: number): Lease {
  const time = toMicroTime(nowMs);
  const last = lease.spec?.leaseTransitions;
  return {
    ...lease,
    spec: {
      holderIdentity: holder,
      leaseDurationSeconds: LEASE_SECONDS,
      acquireTime: time,
      renewTime: time,
      leaseTransitions: Math.max(lastTerm + 1, last === undefined ? toFirstTerm(nowMs) : last + 1),
    },
  };
}

export function toRenewed(lease: Lease, nowMs: number): Lease {
  return { ...lease, spec: { ...lease.spec, renewTime: toMicroTime(nowMs) } };
}

/** The Lease free for anyone at once; its term stays, so that the next one is higher. */
export function toReleased(lease: Lease, nowMs: number): Lease {
  return {
    ...lease,
    spec: {
      ...lease.spec,
      holderIdentity: '',
      leaseDurationSeconds: 1,
      renewTime: toMicroTime(nowMs),
    },
  };
}

/** Kubernetes' MicroTime. */
function toMicroTime(nowMs: number): string {
  return new Date(nowMs).toISOString().replace('Z', '000Z');
}
