import { z } from 'zod';
import { REPORTED_PHASES } from './report.ts';

/** Where the time of a job that has not ended may go. */
export const PHASES = ['queued', ...REPORTED_PHASES, 'stalled'] as const;
export type Phase = (typeof PHASES)[number];

/** Whom or what the time of a phase is owed to; later versions may add some. */
export const PHASE_OWNERS = [
  'service',
  'queue',
  'quota',
  'scheduler',
  'volume',
  'image',
  'container',
  'runtime',
  'initializer',
  'start',
  'training',
  'no reports',
  'no step',
] as const;
export type PhaseOwner = (typeof PHASE_OWNERS)[number];

/** A stretch of a job's life. */
export const PhaseSpanSchema = z
  .object({
    phase: z.enum(PHASES).describe('Where the time went'),
    owner: z.enum(PHASE_OWNERS).describe('Whom or what the time is owed to'),
    started_at: z.iso.datetime().describe('When it began'),
    ended_at: z.iso.datetime().nullable().describe('Null while it lasts'),
    message: z.string().describe('One sentence for people; of the current one, what is so now'),
  })
  .meta({ id: 'PhaseSpan' });
export type PhaseSpanAnswer = z.output<typeof PhaseSpanSchema>;
