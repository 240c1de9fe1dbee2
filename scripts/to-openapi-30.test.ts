import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { toOpenApi30 } from './to-openapi-30.ts';

const read = async (name: string) => readFile(new URL(`../docs/${name}`, import.meta.url), 'utf8');
const committed = await read('openapi-3.0.json');

/** What becomes of one schema. */
function convertSchema(schema: object): unknown {
  const converted = toOpenApi30({
    openapi: '3.1.0',
    info: { title: 't', version: '1', license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    components: { schemas: { It: schema } },
  }) as { components: { schemas: { It: unknown } } };
  return converted.components.schemas.It;
}

it('is committed as it is made of docs/openapi.json', async () => {
  const made = `${JSON.stringify(toOpenApi30(JSON.parse(await read('openapi.json'))), null, 2)}\n`;
  expect(committed, 'docs/openapi-3.0.json is stale: npm run openapi').toBe(made);
});

it('has no word that OpenAPI 3.0 does not know', () => {
  const { openapi, info } = JSON.parse(committed);
  expect(openapi).toBe('3.0.3');
  expect(info.license).toEqual({ name: 'Apache-2.0' });
  expect(committed).not.toMatch(/"type": "null"|"type": \[|"propertyNames"|"const":/);
  expect(committed).not.toMatch(/"exclusive(Min|Max)imum": \d/);
});

describe('a schema of 3.1 becomes one of 3.0', () => {
  it.each([
    ['one type or null', { type: ['string', 'null'] }, { type: 'string', nullable: true }],
    [
      'an alternative to null',
      { anyOf: [{ type: 'integer', minimum: 1 }, { type: 'null' }], default: 3, description: 'd' },
      { type: 'integer', minimum: 1, default: 3, description: 'd', nullable: true },
    ],
    [
      'a value of several or null',
      { anyOf: [{ type: 'string', enum: ['a', 'b'] }, { type: 'null' }] },
      { type: 'string', enum: ['a', 'b', null], nullable: true },
    ],
    [
      'a reference or null',
      { anyOf: [{ $ref: '#/components/schemas/B' }, { type: 'null' }], description: 'd' },
      { allOf: [{ $ref: '#/components/schemas/B' }], description: 'd', nullable: true },
    ],
    [
      'alternatives of several types',
      { anyOf: [{ type: 'string' }, { type: 'number' }, { type: 'null' }] },
      { oneOf: [{ type: 'string' }, { type: 'number' }], nullable: true },
    ],
    [
      'objects of several shapes',
      { anyOf: [{ type: 'object', required: ['a'] }, { type: 'object' }] },
      { type: 'object', additionalProperties: {} },
    ],
    [
      'an object or a list',
      { anyOf: [{ type: 'object' }, { type: 'array', items: {} }], description: 'd' },
      { description: 'd' },
    ],
    [
      'an enum with a default',
      { type: 'string', enum: ['a', 'b'], default: 'a', description: 'd' },
      { type: 'string', enum: ['a', 'b'], description: 'd (default: a)' },
    ],
    [
      'an excluded bound',
      { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 },
      { type: 'number', minimum: 0, exclusiveMinimum: true, maximum: 1, exclusiveMaximum: true },
    ],
    [
      'names of a free map',
      { type: 'object', propertyNames: { type: 'string' }, additionalProperties: {} },
      { type: 'object', additionalProperties: {} },
    ],
    [
      'several examples',
      { type: 'string', examples: ['a', 'b'] },
      { type: 'string', example: 'a' },
    ],
    [
      'fields that are called like keywords',
      { type: 'object', properties: { value: { type: ['string', 'null'] }, type: { const: 1 } } },
      {
        type: 'object',
        properties: { value: { type: 'string', nullable: true }, type: { enum: [1] } },
      },
    ],
  ])('%s', (_name, schema, expected) => {
    expect(convertSchema(schema)).toEqual(expected);
  });
});
