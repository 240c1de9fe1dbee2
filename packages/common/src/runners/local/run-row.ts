/**
 * `queued` waits for slots, `claimed` has them, `running` has a shim, `stopping` was asked to stop,
 * `ended` holds no slots any more.
 */
export type RunState = 'queued' | 'claimed' | 'running' | 'stopping' | 'ended';

/** A run as the services of this machine share it. */
export interface RunRow {
  readonly runId: string;
  readonly name: string;
  readonly backend: string;
  readonly recordUid: string;
  /** How many slots it asks for. */
  readonly wanted: number;
  readonly state: RunState;
  readonly slots: readonly string[];
}
