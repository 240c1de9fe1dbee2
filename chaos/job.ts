import type { BehaviourName } from './receivers.ts';

/** What a job is made to come to; `refused` by the cluster, as its runtime does not exist. */
export type Plan = 'succeeded' | 'failed' | 'never' | 'refused';

/** Where the callbacks of a job go, as its submission or a change of it has asked for. */
export interface Place {
  /** No other submission or change has the same; undefined for nowhere. */
  readonly address: string | undefined;
  readonly behaviour: BehaviourName;
  readonly authorization: string | undefined;
  /** From when on it held for certain, UNIX milliseconds; undefined where nobody ever said that it does. */
  readonly heldAtMs: number | undefined;
}

/** That a job was asked to be forgotten; what nobody answered may be done, or not. */
export interface Forgetting {
  /** Whether its final callback is given up. */
  readonly isForced: boolean;
  mayBeDone: boolean;
  acknowledgedAtMs: number | undefined;
}

/** A job as it is asked for; one that has the id of a forgotten one is another job. */
export interface PlannedJob {
  readonly id: string;
  readonly plan: Plan;
  /** Oldest first; that of the submission is the first. */
  readonly places: Place[];
}

export interface RerunAsked {
  readonly jobId: string;
  readonly from: 'start' | 'checkpoint';
}

/** A job that a replica accepted. */
export interface AcceptedJob extends PlannedJob {
  readonly name: string;
  /** Present when a cancel was asked for, answered or not: who died over it may have done it. */
  cancel: { answeredWith?: unknown } | undefined;
  forgetting: Forgetting | undefined;
  /** The job that it is run again of, and from where. */
  readonly rerunOf?: RerunAsked;
}

/** A submission that was answered with the cluster's refusal. */
export interface RefusedJob extends PlannedJob {
  /** Whether its record can be the only one: an earlier attempt may have died and left another. */
  readonly isCertain: boolean;
  readonly isStillKnown: boolean;
}

/** Where the callbacks of a job may go in the end: where they were last known to, or to any place after. */
export function lastPlaces({ places }: Pick<PlannedJob, 'places'>): readonly Place[] {
  return places.slice(
    Math.max(
      0,
      places.findLastIndex(({ heldAtMs }) => heldAtMs !== undefined),
    ),
  );
}

/** When callbacks no longer went to a place for certain; undefined while they may still. */
export function leftAtMs({ places }: Pick<PlannedJob, 'places'>, place: Place): number | undefined {
  const later = places.slice(places.indexOf(place) + 1);
  return later.find(({ heldAtMs }) => heldAtMs !== undefined)?.heldAtMs;
}

/** Every address that the callbacks of a job may have gone to. */
export function addressesOf({ places }: Pick<PlannedJob, 'places'>): string[] {
  return places.flatMap(({ address }) => address ?? []);
}

/** Whether the final callback of a job may have been given up because somebody asked for that. */
export function mayBeDropped({ forgetting }: AcceptedJob): boolean {
  if (!forgetting?.isForced) return false;
  return forgetting.mayBeDone || forgetting.acknowledgedAtMs !== undefined;
}
