import { LIST_FILTERS } from '@trainer/client/list-filters';

/** One further filter of the list, as `GET /train` names it. */
export type FilterField = readonly [name: string, value: string];

/** What was typed as filters, or a sentence on what is wrong with it. */
export type ParsedFilterText =
  | { readonly fields: readonly FilterField[] }
  | { readonly violation: string };

const NAMES: readonly string[] = Object.values(LIST_FILTERS);
const LABEL = /^label\[.+\]$/;

/** All that can be filtered by, for people. */
export const FILTER_NAMES = `${NAMES.join(', ')} and label[name]`;

/** A value in quotes is a JSON string, so that it may hold blanks. */
const FIELD = /\s*([^\s="]+)=("(?:[^"\\]|\\.)*"|[^\s"]+)(?=\s|$)/y;

/** Reads `name=value name="with blanks"`; names and values are not judged. */
export function parseFilterText(text: string): ParsedFilterText {
  const fields: FilterField[] = [];
  const typed = text.trimEnd();
  for (FIELD.lastIndex = 0; FIELD.lastIndex < typed.length; ) {
    const from = FIELD.lastIndex;
    const [, name, value] = FIELD.exec(typed) ?? [];
    const read = value === undefined ? undefined : readValue(value);
    if (name === undefined || read === undefined) {
      const [word] = typed.slice(from).trim().split(/\s/, 1);
      const violation = `A filter is written name=value, such as model=llama or model="two words", which ${word} is not.`;
      return { violation };
    }
    fields.push([name, read]);
  }
  return { fields };
}

/** The text that says so. */
export function writeFilterText(fields: readonly FilterField[]): string {
  const words = fields.map(([name, value]) => {
    return `${name}=${/^[^\s"]+$/.test(value) ? value : JSON.stringify(value)}`;
  });
  return words.join(' ');
}

/** A sentence on the first that is no filter, or stands there twice; values are the services' to judge. */
export function findBadField(fields: readonly FilterField[]): string | undefined {
  const seen = new Set<string>();
  for (const [name] of fields) {
    if (!NAMES.includes(name) && !LABEL.test(name)) {
      return `There is no filter ${name}: there are ${FILTER_NAMES}.`;
    }
    if (seen.has(name)) return `The filter ${name} stands there twice.`;
    seen.add(name);
  }
  return undefined;
}

function readValue(text: string): string | undefined {
  if (!text.startsWith('"')) return text;
  try {
    return JSON.parse(text) as string;
  } catch {
    return undefined;
  }
}
