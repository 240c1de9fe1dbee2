/** What the page shows, as its address says; filters are the list's own to read. */
export type Route =
  | { readonly view: 'list'; readonly filters: URLSearchParams }
  | { readonly view: 'job'; readonly service: string; readonly jobId: string };

const JOB = /^\/jobs\/([^/]+)\/([^/]+)$/;

/** Reads the part of an address from `#` on; what it does not know is the list. */
export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#/, '').split('?', 2);
  const [, service, jobId] = JOB.exec(path) ?? [];
  if (service !== undefined && jobId !== undefined) {
    return { view: 'job', service: decode(service), jobId: decode(jobId) };
  }
  return { view: 'list', filters: new URLSearchParams(query) };
}

/** The address of a job within the page. */
export function toJobHash(service: string, jobId: string): string {
  return `#/jobs/${encodeURIComponent(service)}/${encodeURIComponent(jobId)}`;
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
