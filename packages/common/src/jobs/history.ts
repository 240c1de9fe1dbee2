import { z } from 'zod';
import { fitsBytes } from '../json-bytes.ts';
import { EVENT_LEVELS, JOB_EVENT_TYPES } from '../requests/history.ts';
import type { HistoryCounts, HistoryRing as Ring } from './job.ts';
import type { JobEvent, NewJobEvent } from './job-event.ts';
import { toOneLine } from './outside-text.ts';

/**
 * A history has rings, each of so many events, so that what one side says often pushes out nothing of
 * the others: who asked for something stays, however often a training warns or a webhook fails. Two
 * more events have places of their own: who submitted a job and who cancelled it, once each.
 */
const RING_SIZES = { asked: 6, job: 18, trainer: 10, delivery: 6 } as const satisfies Readonly<
  Record<Ring, number>
>;
const RINGS = Object.keys(RING_SIZES) as Ring[];

/** With all rings full and both of those, 32 KiB. */
const MAX_EVENT_BYTES = 768;
const MAX_MESSAGE_LENGTH = 240;
const SHORT_MESSAGE_LENGTH = 60;

const NO_EVENTS: HistoryCounts = { asked: 0, job: 0, trainer: 0, delivery: 0 };

/** Where one event is kept beside a record: its ring, and its place in it or the state that was asked for. */
export type EventSlot = `event-${Ring}-${string}`;

/** The number of the newest event; 0 where there is none. */
export function toRevision(counts: HistoryCounts | undefined): number {
  if (counts === undefined) return 0;
  // Asked of every job whenever anything changes.
  let sum = 0;
  for (const ring of RINGS) sum += counts[ring];
  return sum;
}

/**
 * The counts after these events, and which slots they take, each as JSON. Pure: an older event of a
 * slot is not looked at.
 */
export function appendEvents(
  counts: HistoryCounts | undefined,
  events: readonly NewJobEvent[],
): { readonly history: HistoryCounts; readonly slots: Readonly<Record<EventSlot, string>> } {
  if (events.length === 0) return { history: counts ?? NO_EVENTS, slots: {} };
  const next = { ...NO_EVENTS, ...counts };
  const slots: Record<EventSlot, string> = {};
  for (const event of events) {
    const ring = toRing(event);
    slots[toSlot(event, ring, next[ring])] = writeEvent(event, toRevision(next) + 1);
    next[ring] += 1;
  }
  return { history: next, slots };
}

export function isEventSlot(name: string): name is EventSlot {
  return name.startsWith('event-');
}

/**
 * Whether these events, which are all that is kept, still have all that callers had done from then on:
 * where that is not sure, it may have been pushed out.
 */
export function isAskedComplete(
  counts: HistoryCounts | undefined,
  events: readonly JobEvent[],
  fromMs: number,
): boolean {
  if ((counts?.asked ?? 0) <= RING_SIZES.asked) return true;
  // The oldest goes first; a state has a place of its own, and goes never.
  return events.some(
    (event) => toRing(event) === 'asked' && event.type !== 'job.state' && event.timeMs < fromMs,
  );
}

/** No number of reruns, replays or changed callbacks pushes out who submitted or cancelled. */
function toSlot({ type, data }: NewJobEvent, ring: Ring, count: number): EventSlot {
  if (ring === 'asked' && type === 'job.state') return `event-asked-${String(data.status)}`;
  return `event-${ring}-${count % RING_SIZES[ring]}`;
}

function toRing({ type, actor }: NewJobEvent): Ring {
  if (actor.type === 'token' || actor.type === 'anonymous') return 'asked';
  if (actor.type === 'trainer') return 'trainer';
  return type === 'job.delivery' ? 'delivery' : 'job';
}

/** As JSON of bounded size; what is too long loses its data first. */
function writeEvent(event: NewJobEvent, id: number): string {
  const message = toOneLine(event.message, MAX_MESSAGE_LENGTH);
  const whole = JSON.stringify({ ...event, id, message });
  if (fits(whole)) return whole;
  const bare: JobEvent = { ...event, id, message, data: {} };
  const short = { ...bare, message: toOneLine(message, SHORT_MESSAGE_LENGTH) };
  const text = [bare, short].map((less) => JSON.stringify(less)).find(fits);
  return text ?? JSON.stringify({ ...bare, message: '' });
}

function fits(text: string): boolean {
  return fitsBytes(text, MAX_EVENT_BYTES);
}

const ActorSchema = z.union([
  z.object({ type: z.literal(['system', 'anonymous', 'trainer']) }),
  z.object({ type: z.literal('token'), name: z.string() }),
]);
const JobEventSchema = z.object({
  id: z.int().min(1),
  type: z.enum(JOB_EVENT_TYPES),
  timeMs: z.number(),
  attempt: z
    .int()
    .optional()
    .transform((attempt) => attempt),
  level: z.enum(EVENT_LEVELS),
  message: z.string(),
  data: z.record(z.string(), z.unknown()),
  actor: ActorSchema,
});

/** The events of all slots, oldest first; one that cannot be read, or is of a later version, is left out. */
export function parseEvents(slots: Iterable<unknown>): JobEvent[] {
  const events = [...slots].flatMap((slot): JobEvent[] => {
    const { data } = JobEventSchema.safeParse(slot);
    return data === undefined ? [] : [{ ...data, attempt: data.attempt }];
  });
  return events.sort((one, other) => one.id - other.id);
}

const CountsSchema = z
  .string()
  .regex(/^\d{1,9}(,\d{1,9}){3}$/)
  .transform((text) => text.split(',').map(Number));

/** The counts as a short text. */
export function writeCounts(counts: HistoryCounts): string {
  return RINGS.map((ring) => counts[ring]).join();
}

/** Undefined where the text is none of `writeCounts`. */
export function readCounts(text: string | undefined): HistoryCounts | undefined {
  const numbers = CountsSchema.safeParse(text).data;
  if (numbers === undefined) return undefined;
  return Object.fromEntries(RINGS.map((ring, index) => [ring, numbers[index] ?? 0])) as Record<
    Ring,
    number
  >;
}
