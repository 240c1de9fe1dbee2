import { ServiceError } from '../api/service-error.ts';
import type { TrainerService } from '../api/trainer-service.ts';
import type { FilterField } from './filter-text.ts';
import type { JobList } from './job-list.ts';
import { ALL_SERVICES, type ListFilters } from './list-filters.ts';
import { addCounts, mergeLists, type ShownList, toOwnedRows } from './merge-lists.ts';

export const PAGE_SIZE = 50;

/** What kept one service from answering. */
export interface ListFailure {
  readonly service: TrainerService;
  readonly error: ServiceError;
}

/** A page of the list, and which services could not be asked. */
export interface ListReading extends ShownList {
  readonly failures: readonly ListFailure[];
}

/** That none of several services answers. It is asked on while any of them may. */
export class NoneAnswered extends ServiceError {
  readonly failures: readonly ListFailure[];

  constructor(failures: readonly ListFailure[]) {
    super(failures.map(({ error }) => error.message).join(' '), 'NONE_ANSWERED');
    this.failures = failures;
  }

  override get needsToken(): boolean {
    return this.failures.every(({ error }) => error.needsToken);
  }

  override get isRefused(): boolean {
    return this.failures.every(({ error }) => error.isRefused);
  }

  override get isMissing(): boolean {
    return this.failures.every(({ error }) => error.isMissing);
  }
}

/**
 * Reads the page that the filters name.
 * @throws ServiceError where its service does not answer, NoneAnswered where none of several does.
 */
export function readList(
  services: readonly TrainerService[],
  filters: ListFilters,
  signal: AbortSignal,
): Promise<ListReading> {
  const own = services.find(({ name }) => name === filters.service);
  if (own !== undefined) return readOne(own, filters, signal);
  return readAll(services, filters, signal);
}

async function readOne(
  service: TrainerService,
  { statuses, fields, cursor }: ListFilters,
  signal: AbortSignal,
): Promise<ListReading> {
  const list = await ask(service, signal, { statuses, fields, cursor });
  return {
    rows: toOwnedRows(service.name, list),
    counts: list.counts,
    older: list.next_cursor ?? undefined,
    failures: [],
  };
}

/** The cursors of several services do not lead to one place, so that their pages begin at a time. */
async function readAll(
  services: readonly TrainerService[],
  { statuses, fields, cursor: before }: ListFilters,
  signal: AbortSignal,
): Promise<ListReading> {
  const answers = await Promise.allSettled(
    services.map(async (service) => ({
      service,
      list: await ask(service, signal, { statuses, fields, before }),
      // With a time, a list counts only what is older.
      whole: before === undefined ? undefined : await ask(service, signal, { fields, limit: 1 }),
    })),
  );
  const told = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  const failures = answers.flatMap((answer, index) => {
    const service = services[index];
    return answer.status === 'rejected' && service ? [{ service, error: answer.reason }] : [];
  });
  // A fault of this page is no failure of a service.
  const fault = failures.find(({ error }) => !(error instanceof ServiceError));
  if (fault !== undefined) throw fault.error;
  if (told.length === 0) throw new NoneAnswered(failures);
  const lists = Object.fromEntries(told.map(({ service, list }) => [service.name, list]));
  const counts = addCounts(told.map(({ list, whole }) => whole ?? list));
  return { ...mergeLists(lists, PAGE_SIZE), counts, failures };
}

interface Asked {
  readonly statuses?: readonly string[];
  readonly fields: readonly FilterField[];
  readonly cursor?: string | undefined;
  readonly before?: string | undefined;
  readonly limit?: number;
}

function ask(service: TrainerService, signal: AbortSignal, asked: Asked): Promise<JobList> {
  const { statuses = [], fields, cursor, before, limit = PAGE_SIZE } = asked;
  const query = new URLSearchParams({ limit: String(limit) });
  for (const status of statuses) query.append('status', status);
  for (const [name, value] of fields) query.append(name, value);
  if (cursor !== undefined) query.set('cursor', cursor);
  // Earlier than what a filter says, since it is the time of a job that this filter let through.
  if (before !== undefined) query.set('created_before', before);
  return service.ask<JobList>(`train?${query}`, { signal });
}

/** Those whose jobs it shows. */
export function servicesOf(
  services: readonly TrainerService[],
  filters: Pick<ListFilters, 'service'>,
): readonly TrainerService[] {
  const own = services.find(({ name }) => name === filters.service);
  return own === undefined ? services : [own];
}

/** Whether the list is that of several services. */
export function isOfAll({ service }: Pick<ListFilters, 'service'>): boolean {
  return service === ALL_SERVICES;
}
