/** Where a job's results lie: its own folder below `outputUri`, unless that is it already. */
export function toOutputPlace(outputUri: string, jobId: string): string {
  const base = outputUri.replace(/\/+$/, '');
  return base.split('/').at(-1) === jobId ? base : `${base}/${jobId}`;
}

/** Whether an address lies below a place, by whole path segments. Pure. */
export function isBelow(uri: string, place: string): boolean {
  const inner = toSegments(uri);
  const outer = toSegments(place);
  if (inner === undefined || outer === undefined) return false;
  return inner.length > outer.length && outer.every((segment, index) => inner[index] === segment);
}

/** Scheme, authority and path; undefined for an address that could mean another one. */
function toSegments(uri: string): readonly string[] | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be there.
  if (/[?#\\\u0000-\u001f\u007f]/.test(uri)) return undefined;
  const [, scheme = 'file', rest = uri] = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(.*)$/.exec(uri) ?? [];
  if (!rest.includes('/')) return undefined;
  const [authority = '', ...path] = rest.split('/');
  let names: string[];
  try {
    names = path.map(decodeURIComponent);
  } catch {
    return undefined;
  }
  const visible = names.filter((name) => name !== '' && name !== '.');
  if (visible.some((name) => name === '..' || /[/\\]/.test(name))) return undefined;
  return [scheme.toLowerCase(), authority, ...visible];
}
