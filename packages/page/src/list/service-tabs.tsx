import { toListHash } from '../route.ts';
import { ALL_SERVICES, type ListFilters, toListQuery } from './list-filters.ts';

interface ServiceTabsProps {
  readonly names: readonly string[];
  readonly filters: ListFilters;
}

/** The services that this page knows; each shows its jobs by the same filters. */
export function ServiceTabs({ names, filters }: ServiceTabsProps) {
  return (
    <nav class="tabs" aria-label="Services">
      {[ALL_SERVICES, ...names].map((name) => (
        <a
          key={name}
          href={toListHash(toListQuery({ ...filters, service: name, cursor: undefined }))}
          aria-current={name === filters.service ? 'page' : undefined}
        >
          {name === ALL_SERVICES ? 'All' : name}
        </a>
      ))}
    </nav>
  );
}
