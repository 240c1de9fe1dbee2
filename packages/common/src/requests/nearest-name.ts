import { distance } from 'fastest-levenshtein';

/** So much of a name is compared: callers may send very long ones. */
const COMPARED = 128;

/** The name that `asked` was most likely meant to be, and by how many edits it differs. */
export function findNearestName(
  asked: string,
  names: Iterable<string>,
): { readonly name: string; readonly edits: number } {
  const wanted = normalise(asked).slice(0, COMPARED);
  let best = { name: '', edits: Number.POSITIVE_INFINITY };
  for (const name of names) {
    const edits = distance(wanted, normalise(name));
    if (edits < best.edits) best = { name, edits };
  }
  return best;
}

function normalise(name: string): string {
  return name.toLowerCase().replaceAll(/[-_.]/g, '');
}
