import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Changes, makeBody, parseValid } from '../../test/builders.ts';
import { parseTrainingRequest } from './parse-training-request.ts';
import { RUNTIME_SETTINGS, TUNING_ALIASES } from './tuning-names.ts';

const parse = (tuning_parameters: Changes) => parseTrainingRequest(makeBody({ tuning_parameters }));

describe('the names of other trainers', () => {
  test.each(Object.entries(TUNING_ALIASES))('%s means %s', (alias, name) => {
    const value = /rate|ratio/.test(name) ? 0.25 : 7;
    const { tuning_parameters } = parseValid(makeBody({ tuning_parameters: { [alias]: value } }));
    expect(tuning_parameters[name]).toBe(value);
    expect(tuning_parameters).not.toHaveProperty(alias);
    expect(parse({ [alias]: value }).warnings).toEqual([]);
  });

  test('of one setting agree, or are refused by name', () => {
    const alike = { num_epochs: 2, num_train_epochs: 2, epochs: 2, n_epochs: null };
    expect(parse(alike)).toMatchObject({ violations: [] });
    const { violations } = parse({ num_epochs: 2, epochs: 1 });
    expect(violations).toEqual([
      {
        path: 'tuning_parameters.epochs',
        message:
          'tuning_parameters.epochs means the same as tuning_parameters.num_epochs and differs from it; give one of them.',
      },
    ]);
    expect(parse({ epochs: 2, n_epochs: 1 }).violations).toHaveLength(1);
  });

  test('are checked as the setting is', () => {
    expect(parse({ num_train_epochs: 1.5 }).violations).toMatchObject([
      { path: 'tuning_parameters.num_epochs' },
    ]);
  });
});

describe('other settings', () => {
  test.each(RUNTIME_SETTINGS)('%s is passed on without a word', (name) => {
    expect(parse({ [name]: 1 })).toMatchObject({ warnings: [], violations: [] });
    expect(parse({ [name]: 1 }).request?.tuning_parameters[name]).toBe(1);
  });

  test('that the runtime does not know are passed on and named', () => {
    const { request, warnings } = parse({ scheduler: 'cosine' });
    expect(request?.tuning_parameters.scheduler).toBe('cosine');
    expect(warnings).toEqual([
      'tuning_parameters.scheduler is passed to the trainer as it is; our own runtime does not know it and ignores it',
    ]);
  });

  test('that are nearly a known one are told with it', () => {
    expect(parse({ max_step: 1, sead: 2 }).warnings).toEqual([
      'tuning_parameters.max_step is passed to the trainer as it is; did you mean max_steps?',
      'tuning_parameters.sead is passed to the trainer as it is; did you mean seed?',
    ]);
  });
});

test('the page for people has the same tables', () => {
  const page = readFileSync(new URL('../../../../docs/API_SPEC.md', import.meta.url), 'utf8');
  const [, section = ''] = page.split('### TuningParameters');
  const rows = [...section.matchAll(/^\| (\w+) \| ([\w, ]+) \|$/gm)].flatMap(
    ([, name = '', aliases = '']) => aliases.split(', ').map((alias) => [alias, name]),
  );
  expect(Object.fromEntries(rows.filter(([alias]) => alias !== 'also'))).toEqual(TUNING_ALIASES);
  const [, settings = ''] = /runtime also acts on ([\w, ]+)\./.exec(section) ?? [];
  expect(settings.split(/, | and /)).toEqual(RUNTIME_SETTINGS);
});
