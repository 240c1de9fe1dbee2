import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { EventFeeds } from '../api/event-feeds.ts';
import type { TrainerService } from '../api/trainer-service.ts';
import { formatCount } from '../format/number.ts';
import { LastUpdate } from '../parts/last-update.tsx';
import { ReadingNotice } from '../parts/reading-notice.tsx';
import type { Reading } from '../poller.ts';
import { toListHash } from '../route.ts';
import { useEventFeeds } from '../use-event-feeds.ts';
import { FilterLine } from './filter-line.tsx';
import { findBadField } from './filter-text.ts';
import { JobTable } from './job-table.tsx';
import { type ListFilters, parseListFilters, toListQuery } from './list-filters.ts';
import { isOfAll, type ListReading, NoneAnswered, PAGE_SIZE, servicesOf } from './list-source.ts';
import type { OwnedRow, ShownList } from './merge-lists.ts';
import { ServiceTabs } from './service-tabs.tsx';
import { StatusChips } from './status-chips.tsx';
import { keepSteady } from './steady-rows.ts';
import { useLiveList } from './use-live-list.ts';

interface ListViewProps {
  readonly services: readonly TrainerService[];
  readonly query: URLSearchParams;
}

/** The jobs of one service or of all, a page at a time. */
export function ListView({ services, query }: ListViewProps) {
  const names = services.map(({ name }) => name);
  const filters = parseListFilters(query, names);
  const feeds = useEventFeeds(servicesOf(services, filters));
  const title = isOfAll(filters) ? 'All jobs' : `Jobs of ${filters.service}`;
  useEffect(() => {
    document.title = `${title} · Trainer`;
  }, [title]);
  return (
    <>
      <div class="list-head">
        <h1>Jobs</h1>
        {services.length > 1 && <ServiceTabs names={names} filters={filters} />}
      </div>
      <FilterLine filters={filters} />
      {findBadField(filters.fields) === undefined && (
        <Jobs title={title} services={services} filters={filters} feeds={feeds} />
      )}
    </>
  );
}

interface JobsProps {
  readonly title: string;
  readonly services: readonly TrainerService[];
  readonly filters: ListFilters;
  readonly feeds: EventFeeds;
}

function Jobs({ title, services, filters, feeds }: JobsProps) {
  const address = toListQuery(filters).toString();
  const reading = useLiveList(services, filters, feeds);
  const { list } = reading;
  const { rows, newCount, showNewest } = useSteadyRows(address, filters, reading);
  const counts = useCounts(filters, list);
  const section = useFocusOnPage(filters.cursor);
  const toHash = (cursor: string | undefined) => toListHash(toListQuery({ ...filters, cursor }));
  const onNewest = () => {
    // The button goes with what it shows.
    section.current?.focus();
    showNewest();
  };
  return (
    <section ref={section} class="list" aria-label={title} tabIndex={-1}>
      <Notices services={services} filters={filters} reading={reading} />
      {counts !== undefined && (
        <div class="list-tools">
          <StatusChips counts={counts} filters={filters} />
          {list !== undefined && filters.cursor === undefined && (
            <NewJobsButton count={newCount + list.createdCount} onClick={onNewest} />
          )}
        </div>
      )}
      {list !== undefined && (
        <>
          <JobTable rows={rows} showsService={isOfAll(filters)} />
          <nav class="pages" aria-label="Pages">
            <span class="muted">
              {describeCount(countOf(list, filters))} ·{' '}
              <LastUpdate feeds={feeds} readAtMs={reading.readAtMs} />
            </span>
            {filters.cursor !== undefined && <a href={toHash(undefined)}>Newest</a>}
            {list.older !== undefined && <a href={toHash(list.older)}>Older</a>}
          </nav>
        </>
      )}
    </section>
  );
}

/** The rows that stand where they stood, and how newer ones are shown. */
function useSteadyRows(
  address: string,
  { cursor }: ListFilters,
  { list, value, refresh }: ReturnType<typeof useLiveList>,
) {
  const [state, setState] = useState<{ address: string; rows: readonly OwnedRow[] }>();
  const wantsNewest = useRef(false);
  const newest = list?.rows ?? [];
  const shown = state?.address === address ? state.rows : undefined;
  // No button there would show what was kept back from an older page.
  const isKept = shown !== undefined && cursor === undefined;
  const steady = isKept ? keepSteady(shown, newest) : { rows: newest, newCount: 0 };
  useEffect(() => {
    if (value === undefined) return;
    setState({ address, rows: wantsNewest.current ? newest : steady.rows });
    wantsNewest.current = false;
  }, [value]);
  const showNewest = () => {
    wantsNewest.current = true;
    void refresh();
  };
  return { ...steady, showNewest };
}

/** How many jobs there are of each status; while another page or status is read, as known before. */
function useCounts(filters: ListFilters, list: Pick<ShownList, 'counts'> | undefined) {
  const known = useRef<{ of: string; counts: ShownList['counts'] }>(undefined);
  const of = toListQuery({ ...filters, statuses: [], cursor: undefined }).toString();
  if (list !== undefined) known.current = { of, counts: list.counts };
  return known.current?.of === of ? known.current.counts : undefined;
}

/** What the keyboard goes on from where the link that led to another page went with the old one. */
function useFocusOnPage(cursor: string | undefined) {
  const section = useRef<HTMLElement>(null);
  const before = useRef(cursor);
  useLayoutEffect(() => {
    if (before.current === cursor) return;
    before.current = cursor;
    if (document.activeElement === document.body) section.current?.focus();
  }, [cursor]);
  return section;
}

function NewJobsButton({
  count,
  onClick,
}: {
  readonly count: number;
  readonly onClick: () => void;
}) {
  if (count === 0) return null;
  return (
    <button type="button" class="primary" onClick={onClick}>
      {count >= PAGE_SIZE ? `${PAGE_SIZE} or more` : count} new {count === 1 ? 'job' : 'jobs'}
    </button>
  );
}

/** Of each service that could not be asked. */
function Notices({ services, filters, reading }: NoticesProps) {
  const { value, error } = reading;
  const own = services.find(({ name }) => name === filters.service) ?? services[0];
  if (!isOfAll(filters)) return own && <ReadingNotice service={own} reading={reading} />;
  const isNone = error instanceof NoneAnswered;
  const failures = (isNone ? error : value)?.failures ?? [];
  return (
    <>
      {failures.map(({ service, error }) => (
        <ReadingNotice
          key={service.name}
          service={service}
          reading={{ ...reading, readAtMs: isNone ? reading.readAtMs : undefined, error }}
          effect={isNone ? '' : 'Its jobs are missing here.'}
        />
      ))}
    </>
  );
}

interface NoticesProps {
  readonly services: readonly TrainerService[];
  readonly filters: ListFilters;
  readonly reading: Reading<ListReading> & { readonly refresh: () => Promise<void> };
}

function describeCount(count: number): string {
  return `${formatCount(count)} ${count === 1 ? 'job' : 'jobs'}`;
}

function countOf({ counts }: Pick<ShownList, 'counts'>, { statuses }: ListFilters): number {
  const wanted = statuses.length === 0 ? Object.keys(counts) : statuses;
  return wanted.reduce((sum, status) => sum + (counts[status] ?? 0), 0);
}
