/** Where something stands in a list that shows the latest first. */
export interface Place {
  readonly atMs: number;
  /** Tells apart what happened at the same time. */
  readonly name: string;
}

/** Negative when `one` comes first: the later one, and of those of one moment the first by name. */
export function comparePlaces(one: Place, other: Place): number {
  if (one.atMs !== other.atMs) return other.atMs - one.atMs;
  return one.name < other.name ? -1 : Number(one.name > other.name);
}

/** A text that leads on from a place, for the same filter alone. */
export function writeCursor({ atMs, name }: Place, filter: string): string {
  return Buffer.from(JSON.stringify([atMs, name, filter])).toString('base64url');
}

/** The place of a cursor; undefined for one of another filter, and for any other text. */
export function readCursor(cursor: string, wantedFilter: string): Place | undefined {
  try {
    const [atMs, name, filter] = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    const isPlace = Number.isFinite(atMs) && typeof name === 'string';
    return isPlace && filter === wantedFilter ? { atMs, name } : undefined;
  } catch {
    return undefined;
  }
}
