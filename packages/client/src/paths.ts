/** Whether a job may have this id, as far as its path goes: URLs resolve the others as folders. */
export function isAskable(jobId: string): boolean {
  return !['', '.', '..'].includes(jobId);
}

/** Relative to the base URL. */
export function toPath(jobId: string): string {
  if (!isAskable(jobId)) {
    throw new TypeError(`A job whose id is '${jobId}' cannot be asked for.`);
  }
  return `train/${encodeURIComponent(jobId)}`;
}

/** Of what is given, with its question mark; a list becomes the same name several times. */
export function toQuery(
  given: Readonly<Record<string, string | number | readonly string[] | undefined>>,
): string {
  const pairs = Object.entries(given).flatMap(([name, value]) =>
    [value ?? []].flat().map((each): [string, string] => [name, String(each)]),
  );
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs)}`;
}
