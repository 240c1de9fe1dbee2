import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { EventFeeds } from '../api/event-feeds.ts';
import type { TrainerService } from '../api/trainer-service.ts';
import { useReading } from '../use-reading.ts';
import { type ListFilters, toListQuery } from './list-filters.ts';
import { type ListReading, readList } from './list-source.ts';
import { LiveChanges, type LiveList } from './live-changes.ts';
import { toRefreshDelay } from './refresh-delay.ts';

/** Without streams. */
const POLL_MS = 3000;
/** With them, for what is no event: a detail that changes alone. */
const LIVE_MS = 60_000;
/** Of streams that tell a lot, so long before it is shown. */
const DRAW_MS = 100;

interface NumberedReading extends ListReading {
  /** The newest event that was taken in when its reading began. */
  readonly beganAfter: number;
}

/** The list that the filters name, brought up to date by streams, or by reading it again where there are none. */
export function useLiveList(
  services: readonly TrainerService[],
  filters: ListFilters,
  feeds: EventFeeds,
) {
  const changes = useMemo(() => new LiveChanges(), [feeds]);
  const reading = useReading<NumberedReading>(toListQuery(filters).toString(), {
    read: async (signal) => {
      const beganAfter = changes.order;
      return { ...(await readList(services, filters, signal)), beganAfter };
    },
    paceMs: () => (feeds.isOpen ? LIVE_MS : POLL_MS),
  });
  const { value, readAtMs = 0, error, refresh } = reading;
  useDrawing(feeds, changes, refresh);
  const settled = useRef<NumberedReading>(undefined);
  if (value !== undefined && settled.current !== value) {
    settled.current = value;
    changes.settle(value.rows, value.beganAfter);
  }
  const live = value && changes.applyTo(value, filters);
  useEffect(() => {
    if (!live?.isStale) return;
    const timer = setTimeout(() => void refresh(), toRefreshDelay(readAtMs, Date.now()));
    return () => clearTimeout(timer);
  }, [live?.isStale, value]);
  useEffect(() => {
    // A token was given, or a service is back.
    feeds.retry();
  }, [error === undefined, value?.failures.length]);
  const list: (ListReading & LiveList) | undefined = live && value && { ...value, ...live };
  return { ...reading, list };
}

/** Takes in what is told, and has it drawn; reads again what may be out of date. */
function useDrawing(feeds: EventFeeds, changes: LiveChanges, refresh: () => Promise<void>): void {
  const [, draw] = useState(0);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const unwatch = feeds.watch({
      onEvents: (service, events) => {
        changes.take(service, events);
        timer ??= setTimeout(() => {
          timer = undefined;
          draw((count) => count + 1);
        }, DRAW_MS);
      },
      onGap: () => void refresh(),
      onOpenChange: () => {
        draw((count) => count + 1);
        if (!feeds.isOpen && !document.hidden) void refresh();
      },
    });
    return () => {
      unwatch();
      clearTimeout(timer);
    };
  }, [feeds, changes]);
}
