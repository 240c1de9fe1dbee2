import { describe, expect, test } from 'vitest';
import { type Body, makeBody, parseValid } from '../../test/builders.ts';
import { parseTrainingRequest, REQUEST_FORMAT } from './parse-training-request.ts';
import type { SchemaShape } from './schema-shape.ts';

/** Every object of the schema is given, so that each of its fields can be left empty. */
const withAllObjects = () =>
  makeBody({
    customization: { method: 'qlora', lora: {}, qlora: {}, peft: {} },
    resources: {},
    'datasets.0.auth': {},
    'artifacts.auth': {},
    tuning_parameters: {},
    callbacks: {},
    extra_parameters: {
      runtime_ref: { name: 'r' },
      mock: {},
      evaluation: {},
      tolerations: [{ key: 'k' }],
      image_pull_secrets: [{ name: 's' }],
    },
  });

function textFields({ fields, element }: SchemaShape, path: string[] = []): string[][] {
  const below = [...fields].flatMap(([key, child]) => [
    ...(child.isText ? [[...path, key]] : []),
    // The names and values of variables are the caller's own.
    ...(child.credential === undefined ? textFields(child, [...path, key]) : []),
  ]);
  return element === undefined ? below : [...below, ...textFields(element, [...path, '0'])];
}

function change(path: readonly string[], value: unknown): Body {
  const body = withAllObjects();
  let target = body;
  for (const segment of path.slice(0, -1)) target = target[segment] as Body;
  const last = path.at(-1) as string;
  if (value === undefined) delete target[last];
  else target[last] = value;
  return body;
}

const PATHS = textFields(REQUEST_FORMAT.shape);
const isOptional = (path: readonly string[]) =>
  parseTrainingRequest(change(path, undefined)).violations.length === 0;

describe('an empty text is absent', () => {
  test.each(PATHS.filter(isOptional).map((path) => [path.join('.'), path] as const))(
    '%s',
    (_, path) => {
      expect(parseValid(change(path, ''))).toEqual(parseValid(change(path, undefined)));
    },
  );

  test('in every text that may be left out', () => {
    const names = PATHS.filter(isOptional).map((path) => path.join('.'));
    expect(names.length).toBeGreaterThan(30);
    for (const name of [
      'datasets.0.auth.aws_region',
      'customization.method',
      'callbacks.webhook_url',
    ]) {
      expect(names).toContain(name);
    }
  });

  test('but no required one', () => {
    const required = PATHS.filter((path) => !isOptional(path)).map((path) => path.join('.'));
    expect(required).toEqual([
      ...['job_id', 'base_model.provider', 'base_model.model_name', 'datasets.0.source'],
      ...['artifacts.log_uri', 'artifacts.output_uri'],
      'extra_parameters.runtime_ref.name',
      'extra_parameters.tolerations.0.key',
    ]);
    for (const name of required) {
      const [violation] = parseTrainingRequest(change(name.split('.'), '')).violations;
      expect(violation?.path.replaceAll(/\[(\d)\]/g, '.$1')).toBe(name);
    }
  });
});

test('the values of free maps stay as they are', () => {
  const { extra_parameters, tuning_parameters } = parseValid(
    makeBody({
      'extra_parameters.trainer_env': { EMPTY: '' },
      'extra_parameters.job_labels': { empty: '' },
      'extra_parameters.own': '',
      'tuning_parameters.own': '',
    }),
  );
  expect(extra_parameters).toMatchObject({
    trainer_env: { EMPTY: '' },
    job_labels: { empty: '' },
    own: '',
  });
  expect(tuning_parameters.own).toBe('');
});
