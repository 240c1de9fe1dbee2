import { expect, test } from 'vitest';
import { REQUEST_FORMAT } from './parse-training-request.ts';
import { createUnknownKeyFinder } from './unknown-keys.ts';

const find = createUnknownKeyFinder(REQUEST_FORMAT.shape);

test.each<[string, unknown, string[]]>([
  ['known fields', { job_id: 'x', datasets: [{ source: 's', auth: null }] }, []],
  ['what is no object', { resources: 7, datasets: 'x', customization: null }, []],
  [
    'a field of a section',
    { resources: { gpu: 1 } },
    ['resources.gpu is not a known field and is ignored; the nearest known name is gpus'],
  ],
  [
    'a field of an element',
    { datasets: [{}, { Sources: 's' }] },
    ['datasets[1].Sources is not a known field and is ignored; the nearest known name is source'],
  ],
  [
    'a name one level down',
    { customization: { lora_rnak: 1 } },
    [
      'customization.lora_rnak is not a known field and is ignored; the nearest known name is lora.rank',
    ],
  ],
  [
    'a misspelling among what passes through',
    { tuning_parameters: { learning_rat: 1 } },
    [
      'tuning_parameters.learning_rat is passed to the trainer as it is; did you mean learning_rate?',
    ],
  ],
  [
    'what our own runtime does not know',
    { tuning_parameters: { something_else_entirely: 1 } },
    [
      'tuning_parameters.something_else_entirely is passed to the trainer as it is; our own runtime does not know it and ignores it',
    ],
  ],
  [
    'what others pass through without a word',
    { extra_parameters: { something_else_entirely: 1 } },
    [],
  ],
  ['other names of known settings', { tuning_parameters: { num_train_epochs: 1 } }, []],
])('%s', (_, body, sentences) => {
  expect(find(body)).toEqual(sentences);
});

test('of very many unknown fields the first are named', () => {
  const manyFields = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`unknown_${index}`, 1]));
  expect(find(manyFields(20))).toHaveLength(20);
  const sentences = find({ ...manyFields(30), resources: { gpu: 1 } });
  expect(sentences).toHaveLength(21);
  expect(sentences[19]).toContain('unknown_19 ');
  expect(sentences[20]).toBe('There are more unknown fields than these');
});

test('a very long name is cut, and compared by its beginning', () => {
  const [sentence] = find({ [`job_id${'x'.repeat(300)}`]: 1 });
  expect(sentence).toMatch(/^job_idx{194}… is not a known field/);
  expect(find({ ['y'.repeat(200)]: 1 })[0]).toMatch(/^y{200} is not/);
});
