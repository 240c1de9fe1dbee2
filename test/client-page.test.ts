import { readFileSync } from 'node:fs';
import { LIST_FILTERS, TrainerClient } from '@trainer/client';
import { expect, test } from 'vitest';
import { runTrainer } from './run-trainer.ts';

const page = readFileSync(new URL('../docs/CLIENT.md', import.meta.url), 'utf8');

/** The rows of the table below the header that begins so. */
function rowsBelow(header: string): string[] {
  const [, rest = ''] = page.split(`\n| ${header} |`);
  return rest.split('\n\n')[0]?.split('\n').slice(2) ?? [];
}

test('the page has every method of the client', () => {
  const shown = rowsBelow('method').flatMap((row) =>
    [...(row.split(' | ')[0] ?? '').matchAll(/`(\w+)\(/g)].map(([, name]) => name),
  );
  const methods = Object.getOwnPropertyNames(TrainerClient.prototype);
  expect(new Set(shown)).toEqual(new Set(methods.filter((name) => name !== 'constructor')));
});

test('the page has every filter of the list', () => {
  const row = rowsBelow('method').find((each) => each.startsWith('| `list('));
  const names = row?.match(/\w+(?=[,} ])/g);
  expect(names).toEqual(expect.arrayContaining(Object.keys(LIST_FILTERS)));
});

test('the page has every command, as the help tells it', async () => {
  const { stdout: help } = await runTrainer(['--help']);
  const told = [...help.matchAll(/^ {2}trainer (.*?) {2,}(.*)$/gm)];
  expect(rowsBelow('command')).toEqual(told.map(([, typed, does]) => `| \`${typed}\` | ${does} |`));
});
