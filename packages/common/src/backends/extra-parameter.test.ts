import { expect, test } from 'vitest';
import { z } from 'zod';
import { makeBody, makeConfig } from '../../test/builders.ts';
import { TestBackend } from '../../test/start-test-service.ts';
import { credential } from '../requests/credential-mark.ts';
import type { BaseTrainerBackend } from './base-trainer-backend.ts';
import { createExtraParameter } from './extra-parameter.ts';

const DEPTH = createExtraParameter({
  name: 'depth',
  schema: z.int(),
  description: 'How deep',
  toVariables: (depth) => ({ DEPTH: String(depth) }),
});
const LICENCE = createExtraParameter({
  name: 'licence',
  schema: credential(z.string()),
  description: 'Credential: what the trainer is unlocked with',
});

class DeepBackend extends TestBackend {
  override readonly extraParameters = [DEPTH, LICENCE];
}

function prepare(extra_parameters: object, backend: BaseTrainerBackend = new DeepBackend()) {
  return backend.prepare(makeBody({ extra_parameters }), makeConfig());
}

test('a parameter becomes a variable where it is given', () => {
  const { spec } = prepare({ depth: 3 });
  expect(spec.variables).toContainEqual({ name: 'DEPTH', value: '3' });
  expect(prepare({}).spec.variables.map(({ name }) => name)).not.toContain('DEPTH');
});

test.each([[null], [undefined]])('a parameter that is %s is not given', (depth) => {
  expect(prepare({ depth }).fingerprints).toEqual(prepare({}).fingerprints);
});

test('a parameter is checked by its schema', () => {
  expect(() => prepare({ depth: 'x' })).toThrow('extra_parameters.depth must be a number.');
});

test('a parameter that is marked a credential is treated as one', () => {
  const submission = prepare({ licence: 'ZQcanaryQZ', trainer_args: ['ZQcanaryQZ'] });
  expect(JSON.stringify(submission.spec)).not.toContain('ZQcanaryQZ');
  expect(submission.fingerprints).toEqual(prepare({ trainer_args: ['ZQcanaryQZ'] }).fingerprints);
});

test('a service says what it ignores of its siblings, and hands on what becomes variables', () => {
  class Sibling extends TestBackend {
    override readonly name = 'sibling' as never;
  }
  const sibling = new Sibling([new DeepBackend()]);
  const { spec, warnings } = prepare({ depth: 3, licence: 'ZQcanaryQZ' }, sibling);
  expect(spec.variables).toContainEqual({ name: 'DEPTH', value: '3' });
  expect(warnings).toEqual([
    'extra_parameters.licence is ignored, since only the test service uses it',
  ]);
  expect(JSON.stringify(spec)).not.toContain('ZQcanaryQZ');
});
