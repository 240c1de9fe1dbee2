import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { COMMANDS } from './commands.ts';
import { OPTIONS } from './options.ts';
import { parseCommand } from './parse-command.ts';

const ROOT = new URL('../../../', import.meta.url);
const PAGES = [
  'README.md',
  ...readdirSync(new URL('docs', ROOT))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** What pages tell to type, in the middle of a sentence. */
const told = PAGES.flatMap((page) => {
  const text = readFileSync(new URL(page, ROOT), 'utf8');
  return [...text.matchAll(/`(?:npx )?trainer ([^`]*)`/g)].map(([, typed = '']) => [page, typed]);
});

test('pages tell of commands', () => {
  expect(told.length).toBeGreaterThan(15);
});

test.each(told)('%s tells of a command that there is: trainer %s', (_, typed = '') => {
  const [name, ...words] = typed.split(' ');
  // A name alone stands for its command.
  if (words.length === 0 && name !== '--help') {
    expect(COMMANDS.map((command) => command.name)).toContain(name);
  } else expect(() => parseCommand(typed.split(' '))).not.toThrow();
});

test('every option belongs to some command', () => {
  const taken = new Set(['json', 'help', ...COMMANDS.flatMap(({ options }) => options)]);
  expect(taken).toEqual(new Set(Object.keys(OPTIONS)));
});
