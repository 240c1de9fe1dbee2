import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Body, makeBody } from '../../test/builders.ts';
import { objectPaths, withMarkedField } from '../../test/with-marked-field.ts';
import { createSecretTest } from './credentials.ts';
import { type KeptRequest, keepRequest } from './kept-request.ts';
import { createRequestFormat, REQUEST_FORMAT } from './parse-training-request.ts';
import { type TrainingRequest, TrainingRequestSchema } from './training-request.ts';

function keepFor(request: TrainingRequest, body: Body, format = REQUEST_FORMAT) {
  const { shape, credentials: fields } = format;
  return keepRequest(body, shape, createSecretTest(request, { fields }));
}

function keep(changes: Body = {}, format = REQUEST_FORMAT): KeptRequest {
  const body = makeBody(changes);
  const { request, violations } = format.parse(body);
  expect(violations).toEqual([]);
  const kept = request && keepFor(request, body, format);
  if (kept === undefined) throw new Error('not kept');
  return kept;
}

/** What was withheld, by its path. */
const toTaken = ({ withheld, values }: KeptRequest) =>
  Object.fromEntries(withheld.map((path, index) => [path.join('.'), values?.[index]]));

test('a request without credentials is kept as it is, without its callbacks', () => {
  const callbacks = { webhook_url: 'https://studio.test/x?key=1', auth_header: 'Bearer x' };
  const { callbacks: _callbacks, ...body } = makeBody({ callbacks });
  expect(keep({ callbacks })).toEqual({ body, withheld: [], values: [] });
});

test('what may be secret is withheld, each at its place', () => {
  const kept = keep({
    'base_model.huggingface_token': 'hf_0123456789',
    'datasets.0.auth': { username: 'ann', aws_secret_access_key: 'x', aws_region: 'eu', token: '' },
    'datasets.0.source': 'https://data.test/a.jsonl?sig=s1',
    tuning_parameters: { num_epochs: 2, note: 'see hf_0123456789', hub_token: 'short' },
    extra_parameters: {
      trainer_command: ['run', '--api-key', 'k', '--epochs', '2'],
      trainer_env: { DEPTH: 3, OTHER: { valueFrom: { secretKeyRef: { name: 'n', key: 'k' } } } },
    },
  });
  expect(toTaken(kept)).toEqual({
    'base_model.huggingface_token': 'hf_0123456789',
    'datasets.0.auth.username': 'ann',
    'datasets.0.auth.aws_secret_access_key': 'x',
    'datasets.0.source': 'https://data.test/a.jsonl?sig=s1',
    'tuning_parameters.note': 'see hf_0123456789',
    'tuning_parameters.hub_token': 'short',
    'extra_parameters.trainer_command.2': 'k',
    'extra_parameters.trainer_env.DEPTH': 3,
  });
  expect(kept.body).toMatchObject({
    datasets: [{ auth: { username: '[redacted]', aws_region: 'eu', token: '' } }],
    extra_parameters: {
      trainer_command: ['run', '--api-key', '[redacted]', '--epochs', '2'],
      trainer_env: { DEPTH: '[redacted]', OTHER: { valueFrom: {} } },
    },
  });
});

test('of a list of variables all is withheld but names and references', () => {
  const trainer_env = [
    { name: 'A', value: 'one', further: { deep: 'two' } },
    { name: 'B', valueFrom: { secretKeyRef: { name: 'n', key: 'k' } } },
  ];
  expect(toTaken(keep({ extra_parameters: { trainer_env } }))).toEqual({
    'extra_parameters.trainer_env.0.value': 'one',
    'extra_parameters.trainer_env.0.further': { deep: 'two' },
  });
});

test('a marked field is never in the body, wherever the schema has it', () => {
  const canary = 'ZQcanaryQZ';
  fc.assert(
    fc.property(fc.constantFrom(...objectPaths(REQUEST_FORMAT.shape)), (path) => {
      const format = createRequestFormat(withMarkedField(TrainingRequestSchema, path, 'xq_plain'));
      const changes = {
        customization: { method: 'qlora', lora: {}, qlora: {}, peft: {} },
        'tuning_parameters.note': `see ${canary}`,
        extra_parameters: { runtime_ref: { name: 'r' }, mock: {}, tolerations: [{ key: 'k' }] },
        [[...path, 'xq_plain'].join('.')]: canary,
      };
      const kept = keep(changes, format);
      expect(JSON.stringify(kept.body)).not.toContain(canary);
      expect(JSON.stringify(kept.values)).toContain(canary);
    }),
  );
});

test('a request that is larger than any with its defaults may be is not kept', () => {
  const body = makeBody({ unknown: 'x'.repeat(97 * 1024) });
  const { request } = REQUEST_FORMAT.parse(body);
  expect(request && keepFor(request, body)).toBeUndefined();
});
