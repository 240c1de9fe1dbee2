import { z } from 'zod';

/** See LogEndReason. */
export const LOG_ENDS = [
  'LOG_READ',
  'JOB_ENDED',
  'POD_GONE',
  'RUN_GONE',
  'CREDENTIALS_GONE',
  'CUT_OFF',
  'SERVICE_CLOSING',
] as const;
/**
 * Why a log ends: there is no more by now, or for good; its pods or its run are gone and the log with
 * them; nobody knows any more what is to be masked in it; its source broke off; the service closes.
 */
export type LogEndReason = (typeof LOG_ENDS)[number];

/** A line of a log as it is answered, an object a line or an event. */
export const LogLineSchema = z
  .object({
    cursor: z
      .string()
      .nullable()
      .describe('As `since` of another request: what comes after; null inside a line'),
    time: z
      .string()
      .nullable()
      .describe('When it was written, RFC 3339; null where nobody noted it'),
    node: z.int().describe('Which node wrote it, from 0 on'),
    attempt: z.int().describe('Which run of the job wrote it, from 1 on'),
    stream: z
      .enum(['stdout', 'stderr'])
      .nullable()
      .describe('Null where the place that runs the job does not tell them apart'),
    line: z.string().describe('Without credentials, which are masked'),
    partial: z
      .literal(true)
      .optional()
      .describe('The line is longer than 16 KiB and goes on in the next object of its node'),
    tail: z
      .literal(true)
      .optional()
      .describe('The log of that run is gone, and this is of its end, as it was kept'),
  })
  .meta({ id: 'LogLine' });
export type LogLineAnswer = z.output<typeof LogLineSchema>;

/** The last object of a log. */
export const LogEndSchema = z
  .object({
    end: z.literal(true),
    reason: z
      .enum(LOG_ENDS)
      .describe(
        '`LOG_READ`: that is all by now; `JOB_ENDED`: that is all; `POD_GONE`, `RUN_GONE`: what ran is gone, and its log; `CREDENTIALS_GONE`: the credentials are deleted, so that nothing can be masked any more and nothing is shown; `CUT_OFF`, `SERVICE_CLOSING`: there is more, ask again with the last `cursor`',
      ),
    archive: z.string().nullable().describe('Where the training keeps its whole log'),
    unread_nodes: z.array(z.int()).optional().describe('Nodes whose log could not be read'),
  })
  .meta({ id: 'LogEnd' });
export type LogEndAnswer = z.output<typeof LogEndSchema>;

const TIME_OR_CURSOR = 'must be a time such as 2026-11-26T09:00:00Z, or the cursor of a line';
const Time = z.iso.datetime({ offset: true });
/** `n`, then node and position for each node that was read. */
const CURSOR = /^n\d{1,6}\.[0-9.]{1,40}(_\d{1,6}\.[0-9.]{1,40}){0,499}$/;
const flag = z.enum(['true', 'false'], { error: 'must be true or false' }).optional();

/** What may be asked of a log. */
export const LogQuerySchema = z.object({
  follow: flag.describe(
    '`true`: goes on with what is still to be written, until the job has ended',
  ),
  tail: z.coerce
    .number()
    .int()
    .min(0)
    .max(100_000)
    .optional()
    .describe('Only so many of the newest lines, of each node'),
  since: z
    .string()
    .refine((text) => Time.safeParse(text).success || CURSOR.test(text), TIME_OR_CURSOR)
    .optional()
    .describe('Only what was written from this time on, or what comes after this `cursor`'),
  node: z.coerce
    .number()
    .int()
    .min(0)
    .max(999_999)
    .optional()
    .describe('Only this node, from 0 on'),
  attempt: z.coerce
    .number()
    .int()
    .min(1)
    .max(999_999)
    .optional()
    .describe('Only this run of the job, from 1 on'),
  previous: flag.describe(
    '`true`: what the container before the present one has written, before it crashed; where it is gone, the end of the run that failed last, as it was kept',
  ),
});
export type LogQueryNames = z.output<typeof LogQuerySchema>;

/** The positions in a cursor, by node; undefined for a text that is none. */
export function parseCursor(text: string): Map<number, string> | undefined {
  if (!CURSOR.test(text)) return undefined;
  return new Map(
    text
      .slice(1)
      .split('_')
      .map((part): [number, string] => {
        const dot = part.indexOf('.');
        return [Number(part.slice(0, dot)), part.slice(dot + 1)];
      }),
  );
}

/** See `parseCursor`. */
export function toCursor(positions: ReadonlyMap<number, string>): string | null {
  if (positions.size === 0) return null;
  return `n${[...positions].map(([node, position]) => `${node}.${position}`).join('_')}`;
}
