import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { makeBody, parseValid } from '../../test/builders.ts';
import { TrainerError } from '../errors.ts';
import { MAX_DEPTH } from './json-shape.ts';
import { parseTrainingRequest } from './parse-training-request.ts';

const SECTIONS = [
  'job_id',
  'base_model',
  'customization',
  'resources',
  'datasets',
  'artifacts',
  'tuning_parameters',
  'callbacks',
  'extra_parameters',
];
const json = fc.jsonValue({ maxDepth: 5 });

/** Parses, and answers how it ended; anything but a TrainerError fails the test. */
function outcomeOf(body: unknown): 'valid' | 'violations' | 'refused' {
  try {
    return parseTrainingRequest(body).violations.length > 0 ? 'violations' : 'valid';
  } catch (error) {
    if (error instanceof TrainerError && error.code === 'INVALID_REQUEST') return 'refused';
    throw error;
  }
}

function nest(depth: number, wrap: (inner: unknown) => unknown): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i += 1) value = wrap(value);
  return value;
}

describe('whatever JSON comes', () => {
  test('it is parsed or refused, and no prototype changes', () => {
    const before = Object.getOwnPropertyNames(Object.prototype);
    fc.assert(fc.property(json, (body) => void outcomeOf(JSON.parse(JSON.stringify(body)))));
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test('in one section, what is wrong lies in that section', () => {
    fc.assert(
      fc.property(fc.constantFrom(...SECTIONS), json, (section, value) => {
        const body = makeBody({ [section]: value });
        // A key such as `constructor`, of which fast-check is fond, is refused as one of the body.
        fc.pre(outcomeOf(body) !== 'refused');
        const { violations } = parseTrainingRequest(body);
        for (const { path } of violations) expect(path.startsWith(section)).toBe(true);
      }),
    );
  });

  test('in any field, a violation is one sentence without the value', () => {
    const fields = [
      ...['base_model.provider', 'base_model.weights_url', 'customization.method', 'job_id'],
      ...['resources.gpus', 'datasets.0.format', 'artifacts.status_stream_url', 'datasets.0.auth'],
      ...['callbacks.webhook_url', 'callbacks.event_filter', 'extra_parameters.trainer_env'],
      ...['extra_parameters.runtime_ref', 'extra_parameters.model_uri', 'tuning_parameters'],
      ...['extra_parameters.trainer_command', 'extra_parameters.resources_per_node'],
    ];
    const secret = fc.stringMatching(/^ ZQX[a-z0-9]{12}\n$/);
    fc.assert(
      fc.property(fc.constantFrom(...fields), secret, (field, value) => {
        const { violations } = parseTrainingRequest(makeBody({ [field]: value }));
        expect(violations.length).toBeGreaterThan(0);
        expect(JSON.stringify(violations)).not.toContain(value.trim());
        for (const { message } of violations) expect(message).toMatch(/^\S[^\n]*\.$/);
      }),
    );
  });
});

describe('shapes that harm', () => {
  test.each([
    ['null', null],
    ['a list', []],
    ['a text', 'x'],
    ['a number', 1],
    ['nothing', undefined],
  ])('refuses %s in place of a body', (_, body) => {
    expect(() => parseTrainingRequest(body)).toThrow('The body must be one JSON object.');
  });

  test.each([
    '{"__proto__": {"polluted": 1}}',
    '{"extra_parameters": {"a": [{"__proto__": 1}]}}',
    '{"tuning_parameters": {"constructor": {"prototype": {"polluted": 1}}}}',
    '{"customization": {"peft": {"config": {"prototype": 1}}}}',
    '{"callbacks": {"constructor": 1}}',
  ])('refuses a key that reaches a prototype: %s', (text) => {
    expect(() => parseTrainingRequest({ ...makeBody(), ...JSON.parse(text) })).not.toThrow(
      TypeError,
    );
    expect(outcomeOf(JSON.parse(text))).toBe('refused');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test.each([
    ['lists', (inner: unknown) => [inner]],
    ['objects', (inner: unknown) => ({ a: inner })],
  ])('refuses 20,000 nested %s', (_, wrap) => {
    const body = makeBody({ extra_parameters: { deep: nest(20_000, wrap) } });
    expect(() => parseTrainingRequest(body)).toThrow('nested deeper than 64 levels');
  });

  test('takes what is nested as deep as allowed', () => {
    const deep = nest(MAX_DEPTH - 2, (inner) => ({ a: inner }));
    expect(outcomeOf(makeBody({ extra_parameters: { deep } }))).toBe('valid');
    const deeper = { a: deep };
    expect(outcomeOf(makeBody({ extra_parameters: { deep: deeper } }))).toBe('refused');
  });

  test('refuses a number that JSON.parse cannot hold', () => {
    const body = makeBody({ tuning_parameters: JSON.parse('{"x": 1e999}') });
    expect(outcomeOf(body)).toBe('refused');
  });

  test.each([
    ['extra_parameters.trainer_args', 'a '.repeat(100_000)],
    ['extra_parameters.model_uri', 'a'.repeat(200_000)],
    ['extra_parameters.container_image', `${'a'.repeat(200_000)} `],
    ['extra_parameters.queue_name', `${'a-'.repeat(100_000)}`],
    ['extra_parameters.resources_per_node', { cpu: `${'1'.repeat(200_000)}x` }],
    ['base_model.weights_url', `https://${'a'.repeat(200_000)}`],
    ['callbacks.webhook_url', `http://${'@'.repeat(200_000)}`],
    ['job_id', `${'a'.repeat(200_000)}/`],
  ])('looks at a long %s without backtracking', (path, value) => {
    expect(outcomeOf(makeBody({ [path]: value }))).toBe('violations');
  });
});

describe('a valid request', () => {
  const KNOWN = new Set([...Object.keys(parseValid(makeBody()).tuning_parameters), 'mock']);
  const key = fc.stringMatching(/^x[a-z_]{0,12}$/).filter((name) => !KNOWN.has(name));
  const free = fc
    .dictionary(key, json, { maxKeys: 5 })
    .filter((value) => !/"(__proto__|constructor|prototype)"/.test(JSON.stringify(value)));

  test('keeps every value that passes through', () => {
    fc.assert(
      fc.property(free, free, free, (tuning, extra, config) => {
        const given = JSON.parse(JSON.stringify([tuning, extra, config]));
        const request = parseValid(
          makeBody({
            tuning_parameters: given[0],
            extra_parameters: given[1],
            'customization.peft': { config: given[2] },
          }),
        );
        expect(request.tuning_parameters).toMatchObject(given[0]);
        expect(request.extra_parameters).toMatchObject(given[1]);
        expect(request.customization.peft?.config).toEqual(given[2]);
      }),
    );
  });

  test('is stable: parsing what came out changes nothing', () => {
    const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary);
    const count = fc.integer({ min: 1, max: 64 });
    const customization = fc.record({
      method: maybe(fc.constantFrom('full', 'lora', 'qlora', 'peft', 'adapter')),
      rank: maybe(count),
      lora_alpha: maybe(count),
      lora: maybe(fc.record({ dropout: maybe(fc.constantFrom(0, 0.5, 1)) })),
      precision: maybe(fc.constantFrom('fp32', 'int8')),
      gradient_checkpointing: maybe(fc.boolean()),
    });
    const extra_parameters = fc.record({
      num_nodes: maybe(count),
      command: maybe(fc.constant('python train.py')),
      trainer_env: maybe(fc.constant([{ name: 'A', value: 1 }])),
      resources_per_node: maybe(fc.constant({ cpu: 4 })),
      runtime_ref: maybe(fc.constant({ name: 'r', kind: null })),
    });
    fc.assert(
      fc.property(customization, extra_parameters, free, (custom, extra, tuning) => {
        const once = parseValid(
          makeBody({
            customization: custom,
            extra_parameters: extra,
            tuning_parameters: JSON.parse(JSON.stringify(tuning)),
          }),
        );
        const twice = parseValid(JSON.parse(JSON.stringify(once)));
        expect(JSON.parse(JSON.stringify(twice))).toEqual(JSON.parse(JSON.stringify(once)));
      }),
    );
  });
});
