import { STATUSES } from '../parts/status.tsx';
import type { FilterField } from './filter-text.ts';

/** Stands for every service that the page knows. */
export const ALL_SERVICES = 'all';

/** What the list shows, as its address says. */
export interface ListFilters {
  /** A service's name, or `ALL_SERVICES`. */
  readonly service: string;
  readonly statuses: readonly string[];
  /** All others, as the address has them: they may be none that there are. */
  readonly fields: readonly FilterField[];
  /** Where the page of the list begins: a service's own cursor, of all a time; undefined for the newest. */
  readonly cursor: string | undefined;
}

const OWN_NAMES = new Set(['service', 'status', 'cursor']);

/** Reads an address; what names no service of ours means all, where there are several. */
export function parseListFilters(query: URLSearchParams, services: readonly string[]): ListFilters {
  const service = query.get('service') ?? '';
  const otherwise = services.length > 1 ? ALL_SERVICES : (services[0] ?? '');
  return {
    service: services.includes(service) ? service : otherwise,
    statuses: query
      .getAll('status')
      .filter((status) => (STATUSES as readonly string[]).includes(status)),
    fields: [...query].filter(([name]) => !OWN_NAMES.has(name)),
    cursor: query.get('cursor') ?? undefined,
  };
}

/** The address that says so. */
export function toListQuery({ service, statuses, fields, cursor }: ListFilters): URLSearchParams {
  const query = new URLSearchParams({ service });
  for (const status of statuses) query.append('status', status);
  for (const [name, value] of fields) query.append(name, value);
  if (cursor !== undefined) query.set('cursor', cursor);
  return query;
}

/** The same filters with one status more or less, from the newest job on. */
export function toggleStatus(filters: ListFilters, status: string): ListFilters {
  const { statuses } = filters;
  const others = statuses.filter((each) => each !== status);
  return {
    ...filters,
    cursor: undefined,
    statuses: others.length === statuses.length ? [...statuses, status] : others,
  };
}
