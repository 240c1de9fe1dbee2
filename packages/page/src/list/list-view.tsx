import { useEffect, useState } from 'preact/hooks';
import type { TrainerService } from '../api/trainer-service.ts';
import { formatCount } from '../format/number.ts';
import { ReadingNotice } from '../parts/reading-notice.tsx';
import { Time } from '../parts/time.tsx';
import { toListHash } from '../route.ts';
import { useReading } from '../use-reading.ts';
import type { JobList, JobRow } from './job-list.ts';
import { JobTable } from './job-table.tsx';
import { type ListFilters, parseListFilters, toListQuery } from './list-filters.ts';
import { ServiceTabs } from './service-tabs.tsx';
import { StatusChips } from './status-chips.tsx';
import { keepSteady } from './steady-rows.ts';

interface ListViewProps {
  readonly services: readonly TrainerService[];
  readonly query: URLSearchParams;
}

const PACE_MS = 3000;
const PAGE_SIZE = 50;

/** The jobs of one service, a page at a time. */
export function ListView({ services, query }: ListViewProps) {
  const names = services.map(({ name }) => name);
  const filters = parseListFilters(query, names);
  const service = services.find(({ name }) => name === filters.service);
  useEffect(() => {
    document.title = `Jobs of ${filters.service} · Trainer`;
  }, [filters.service]);
  return (
    <>
      <div class="list-head">
        <h1>Jobs</h1>
        {services.length > 1 && <ServiceTabs names={names} current={filters.service} />}
      </div>
      {service !== undefined && (
        <Jobs key={toListQuery(filters).toString()} service={service} filters={filters} />
      )}
    </>
  );
}

function Jobs({ service, filters }: { service: TrainerService; filters: ListFilters }) {
  const asked = toListQuery(filters);
  asked.delete('service');
  asked.set('limit', String(PAGE_SIZE));
  const reading = useReading<JobList>(`${service.name} ${asked}`, {
    read: (signal) => service.ask<JobList>(`train?${asked}`, { signal }),
    paceMs: () => PACE_MS,
  });
  const [shown, setShown] = useState<readonly JobRow[]>();
  const list = reading.value;
  const steady = list && (shown ? keepSteady(shown, list.data) : { rows: list.data, newCount: 0 });
  useEffect(() => {
    if (steady !== undefined) setShown(steady.rows);
  }, [list]);
  const older = list?.next_cursor ?? undefined;
  const toHash = (cursor: string | undefined) => toListHash(toListQuery({ ...filters, cursor }));
  return (
    <section class="list" aria-label={`Jobs of ${service.name}`}>
      <ReadingNotice service={service} reading={reading} />
      {list !== undefined && steady !== undefined && (
        <>
          <div class="list-tools">
            <StatusChips counts={list.counts} filters={filters} />
            {steady.newCount > 0 && filters.cursor === undefined && (
              <button type="button" class="primary" onClick={() => setShown(list.data)}>
                {steady.newCount === PAGE_SIZE ? `${PAGE_SIZE} or more` : steady.newCount} new{' '}
                {steady.newCount === 1 ? 'job' : 'jobs'}
              </button>
            )}
          </div>
          <JobTable rows={steady.rows} service={service.name} />
          <nav class="pages" aria-label="Pages">
            <span class="muted">
              {formatCount(countOf(list, filters))} jobs · updated{' '}
              <Time value={new Date(reading.readAtMs ?? 0).toISOString()} />
            </span>
            {filters.cursor !== undefined && <a href={toHash(undefined)}>Newest</a>}
            {older !== undefined && <a href={toHash(older)}>Older</a>}
          </nav>
        </>
      )}
    </section>
  );
}

function countOf({ counts }: JobList, { statuses }: ListFilters): number {
  const wanted = statuses.length === 0 ? Object.keys(counts) : statuses;
  return wanted.reduce((sum, status) => sum + (counts[status] ?? 0), 0);
}
