/** What the page shows, as its address says; filters are the list's own to read. */
export type Route =
  | { readonly view: 'list'; readonly filters: URLSearchParams }
  | {
      readonly view: 'job';
      readonly service: string;
      readonly jobId: string;
      /** When the job that is meant was there already; a later one has only its id. */
      readonly madeBefore?: string;
    };

const MADE_BEFORE = 'made_before';
const JOB = /^\/jobs\/([^/]+)\/([^/]+)$/;

/** Reads the part of an address from `#` on; what it does not know is the list. */
export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#/, '').split('?', 2);
  const [, service, jobId] = JOB.exec(path) ?? [];
  if (service !== undefined && jobId !== undefined) {
    const madeBefore = new URLSearchParams(query).get(MADE_BEFORE);
    return {
      ...{ view: 'job', service: decode(service), jobId: decode(jobId) },
      ...(madeBefore !== null && { madeBefore }),
    };
  }
  return { view: 'list', filters: new URLSearchParams(query) };
}

/** The address of a job within the page, or of the one that had its id at a time. */
export function toJobHash(service: string, jobId: string, madeBefore?: string | null): string {
  const path = `#/jobs/${encodeURIComponent(service)}/${encodeURIComponent(jobId)}`;
  return madeBefore ? `${path}?${new URLSearchParams({ [MADE_BEFORE]: madeBefore })}` : path;
}

/** The address of the list with these filters within the page. */
export function toListHash(filters: URLSearchParams): string {
  const query = filters.toString();
  return query === '' ? '#/' : `#/?${query}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
