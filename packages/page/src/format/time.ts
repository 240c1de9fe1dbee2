import { formatDuration } from './duration.ts';

const JUST_NOW_MS = 5000;

/** How long ago, in one unit: `just now`, `4 min ago`. */
export function formatAgo(timeMs: number, nowMs: number): string {
  const ms = nowMs - timeMs;
  if (ms < JUST_NOW_MS) return 'just now';
  return `${toLargestUnit(formatDuration(ms))} ago`;
}

/** A time of day where it is today's, else with its date, in the reader's own time zone. */
export function formatTime(timeMs: number, nowMs: number): string {
  const time = new Date(timeMs);
  const isToday = time.toDateString() === new Date(nowMs).toDateString();
  const clock = `${pad(time.getHours())}:${pad(time.getMinutes())}:${pad(time.getSeconds())}`;
  if (isToday) return clock;
  return `${time.getFullYear()}-${pad(time.getMonth() + 1)}-${pad(time.getDate())} ${clock}`;
}

function toLargestUnit(duration: string): string {
  return duration.split(' ').slice(0, 2).join(' ');
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}
