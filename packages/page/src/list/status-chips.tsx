import { formatCount } from '../format/number.ts';
import { STATUSES, Status } from '../parts/status.tsx';
import { toListHash } from '../route.ts';
import { type ListFilters, toggleStatus, toListQuery } from './list-filters.ts';

interface StatusChipsProps {
  readonly counts: Readonly<Record<string, number>>;
  readonly filters: ListFilters;
}

/** How many jobs there are of each status, in the order of a job's life; each shows only those, or not. */
export function StatusChips({ counts, filters }: StatusChipsProps) {
  const toggle = (status: string) => {
    location.hash = toListHash(toListQuery(toggleStatus(filters, status)));
  };
  return (
    <fieldset class="chips">
      <legend class="visually-hidden">Show only jobs that are</legend>
      {STATUSES.map((status) => (
        <button
          key={status}
          type="button"
          aria-pressed={filters.statuses.includes(status)}
          onClick={() => toggle(status)}
        >
          <Status status={status} />
          <span class="number">{formatCount(counts[status] ?? 0)}</span>
        </button>
      ))}
    </fieldset>
  );
}
