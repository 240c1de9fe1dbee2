import { readFile } from 'node:fs/promises';
import { services } from '@trainer/services';
import { expect, it } from 'vitest';
import { describePostman } from '../scripts/describe-postman.ts';

const file = new URL('../docs/postman/trainer-apis.postman_collection.json', import.meta.url);
const committed = await readFile(file, 'utf8');
const collection = JSON.parse(committed);

interface Item {
  readonly name: string;
  readonly event: readonly { readonly listen: string }[];
}

it('is committed as it is described', () => {
  expect(committed, 'the collection is stale: npm run openapi').toBe(describePostman());
});

it('finds the services on their ports, without a token', () => {
  expect(collection.info.schema).toContain('/v2.1.0/');
  expect(collection.variable).toEqual([
    { key: 'nemoUrl', value: 'http://localhost:8081' },
    { key: 'metaUrl', value: 'http://localhost:8082' },
    { key: 'hfUnslothUrl', value: 'http://localhost:8083' },
    { key: 'token', value: '' },
    { key: 'jobId', value: '' },
  ]);
});

it('covers the same of each service, with tests', () => {
  const folders: { item: Item[] }[] = collection.item;
  // Each service refuses something else.
  const isCommon = ({ name }: Item) => !name.includes('this service refuses');
  const names = folders.map(({ item }) => item.filter(isCommon).map(({ name }) => name));
  expect(names).toHaveLength(services.length);
  expect(new Set(names.map(String)).size).toBe(1);
  for (const { item } of folders) expect(item.filter((each) => !isCommon(each))).not.toEqual([]);
  expect(String(names[0])).toMatch(
    /Health.*Submit.*409.*Status.*List.*Cancel.*400.*401.*403.*404.*413.*415/,
  );
  for (const { event } of folders.flatMap(({ item }) => item)) {
    expect(event.map(({ listen }) => listen)).toContain('test');
  }
});
