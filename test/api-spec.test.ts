import { readdirSync, readFileSync } from 'node:fs';
import { ERRORS } from '@trainer/common/testing/internals';
import { describe, expect, test } from 'vitest';

interface Schema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
}
interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { security?: unknown[] }>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly securitySchemes: Readonly<Record<string, unknown>>;
  };
}

const read = (path: string) => readFileSync(new URL(`../docs/${path}`, import.meta.url), 'utf8');
const page = read('API_SPEC.md');
const { paths, components } = JSON.parse(read('openapi.json')) as Description;

/** What stands below a heading, up to the next one of its level or above. */
function sectionOf(heading: string): string {
  const [level = ''] = heading.split(' ');
  const after = page.split(`\n${heading}\n`)[1] ?? '';
  return after.split(new RegExp(`\n#{1,${level.length}} `))[0] ?? '';
}

/** The cells of every table row whose first cell is code, without that code's quotes. */
function rowsOf(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.slice(2, -2).split(' | '))
    .map(([first = '', ...rest]) => [first.replaceAll('`', ''), ...rest]);
}

const objectIn = (schema: Schema): Schema | undefined =>
  [schema, ...(schema.anyOf ?? [])].find(({ properties }) => properties !== undefined);

/** The fields of `schema` by path, as far as the page goes into them. */
function fieldsOf(schema: Schema, shown: ReadonlySet<string>, prefix = ''): Map<string, string> {
  const fields = new Map<string, string>();
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const path = prefix + name;
    const isRequired = schema.required?.includes(name) === true;
    fields.set(path, isRequired ? 'required' : JSON.stringify(field.default ?? null));
    const isList = field.type === 'array';
    const inner = objectIn(isList ? (field.items ?? {}) : field);
    const innerPrefix = `${path}${isList ? '[]' : ''}.`;
    const goesOn = [...shown].some((other) => other.startsWith(innerPrefix));
    if (inner === undefined || !goesOn) continue;
    for (const [key, value] of fieldsOf(inner, shown, innerPrefix)) fields.set(key, value);
  }
  return fields;
}

test('the page has every route, and says which need a token', () => {
  const described = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, { security }]) => [
      `${method.toUpperCase()} ${path}`,
      security?.length ? 'yes' : 'no',
    ]),
  );
  const shown = rowsOf(sectionOf('## Routes')).map(([route, token]) => [route, token]);
  expect(shown.toSorted()).toEqual(described.toSorted());
});

test('pages tell of routes that there are', () => {
  const pages = readdirSync(new URL('../docs', import.meta.url)).filter((name) =>
    /\.md$/.test(name),
  );
  const told = [...pages.map(read), read('../README.md')].flatMap((text) =>
    [...text.matchAll(/`(GET|POST|PATCH|DELETE) (\/[^ `?]*)/g)].map(([, method, path]) => ({
      method: String(method).toLowerCase(),
      path: String(path),
    })),
  );
  expect(told.length).toBeGreaterThan(30);
  // The port of the reports has no description of its own.
  const routes = told.filter(({ path }) => path !== '/train/{job_id}/reports');
  for (const { method, path } of routes) expect(paths[path], path).toHaveProperty(method);
});

test('the page has every authentication scheme', () => {
  const shown = rowsOf(sectionOf('## Authentication')).map(([scheme]) => scheme);
  expect(shown).toEqual(Object.keys(components.securitySchemes));
});

test('the page has every error code with its status and meaning', () => {
  const shown = rowsOf(sectionOf('## Errors'));
  expect(shown).toEqual(
    Object.entries(ERRORS).map(([code, { status, when }]) => [code, String(status), when]),
  );
  expect(shown.map(([code]) => code)).toEqual(components.schemas.Problem?.properties?.code?.enum);
});

test('the page has every state', () => {
  const codes = [...sectionOf('### JobStatus').matchAll(/`(\w+)`/g)].map(([, code]) => code);
  expect(codes).toEqual(components.schemas.JobStatus?.enum);
});

describe('the page has every field with its default', () => {
  const schemas = Object.entries(components.schemas).filter(([, { properties }]) => properties);

  test.each(schemas)('%s', (name, schema) => {
    const rows = rowsOf(sectionOf(`### ${name}`));
    const fields = fieldsOf(schema, new Set(rows.map(([path = '']) => path)));
    expect(rows.map(([path]) => path)).toEqual([...fields.keys()]);
    // Tables of answers have no column of defaults.
    for (const [path = '', , shown = '', ...further] of rows) {
      if (further.length > 0) expect(toDefault(shown), path).toBe(fields.get(path));
    }
  });
});

/** A cell as JSON: `lora` in quotes, `0.1` as the number, nothing as null. */
function toDefault(cell: string): string {
  const text = /^`(.*)`$/.exec(cell)?.[1];
  if (text === undefined) return cell.trim() === 'required' ? 'required' : 'null';
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return JSON.stringify(text);
  }
}
