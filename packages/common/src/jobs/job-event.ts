import type { JsonObject } from './job.ts';

/** Who had something done: we ourselves, whoever presented a token, anybody where none is needed, the training. */
export type Actor =
  | { readonly type: 'system' }
  | { readonly type: 'token'; readonly name: string }
  | { readonly type: 'anonymous' }
  | { readonly type: 'trainer' };

export const SYSTEM: Actor = { type: 'system' };
export const TRAINER: Actor = { type: 'trainer' };

/** What is kept of a job's life; progress and metrics pass and are not. */
export const JOB_EVENT_TYPES = [
  'job.state',
  'job.phase',
  'job.checkpoint',
  'job.warning',
  'job.delivery',
  'job.callbacks',
  'job.rerun',
] as const;
export type JobEventType = (typeof JOB_EVENT_TYPES)[number];

export const EVENT_LEVELS = ['info', 'warning', 'error'] as const;
export type EventLevel = (typeof EVENT_LEVELS)[number];

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
