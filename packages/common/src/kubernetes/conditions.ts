/** A condition as all of Kubernetes writes them. */
export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
}

/** The first of `types` that holds, in their order. */
export function findTrue(
  conditions: readonly Condition[] | undefined,
  ...types: string[]
): Condition | undefined {
  return types
    .map((type) => conditions?.find((condition) => condition.type === type))
    .find((condition) => condition?.status === 'True');
}

export function isTrue(conditions: readonly Condition[] | undefined, ...types: string[]): boolean {
  return findTrue(conditions, ...types) !== undefined;
}

/** A time of the API in UNIX milliseconds; undefined when there is none. */
export function toMs(time: string | null | undefined): number | undefined {
  const timeMs = Date.parse(time ?? '');
  return Number.isNaN(timeMs) ? undefined : timeMs;
}
