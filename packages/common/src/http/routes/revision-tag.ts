/** The ETag of an answer about a job. Weak: progress moves while the revision stands. */
export function writeRevisionTag(revision: number): string {
  return `W/"${revision}"`;
}

/** The revision that an `If-None-Match` header names; undefined where it names something else. */
export function readRevisionTag(header: string | undefined): number | undefined {
  const text = /^(?:W\/)?"(\d{1,15})"$/.exec(header?.trim() ?? '')?.[1];
  return text === undefined ? undefined : Number(text);
}
