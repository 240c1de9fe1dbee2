import type { EventLevel, JobEventType } from '../requests/history.ts';
import type { JsonObject } from './job.ts';

/** Who had something done: we ourselves, whoever presented a token, anybody where none is needed, the training. */
export type Actor =
  | { readonly type: 'system' }
  | { readonly type: 'token'; readonly name: string }
  | { readonly type: 'anonymous' }
  | { readonly type: 'trainer' };

export const SYSTEM: Actor = { type: 'system' };
export const TRAINER: Actor = { type: 'trainer' };

/** A thing that happened to a job, before it has its place in the job's history. Without credentials. */
export interface NewJobEvent {
  readonly type: JobEventType;
  /** UNIX milliseconds. */
  readonly timeMs: number;
  /** Which run of the job, from 1 on; undefined while none has reported. */
  readonly attempt: number | undefined;
  readonly level: EventLevel;
  /** One sentence for people. */
  readonly message: string;
  readonly data: JsonObject;
  readonly actor: Actor;
}

/** The same in its place: ids are the revisions of the job, 1, 2, 3… */
export interface JobEvent extends NewJobEvent {
  readonly id: number;
}
