import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readLogCalls, readSources } from './log-calls.ts';

const page = readFileSync(new URL('../docs/OPERATING.md', import.meta.url), 'utf8');
const section = page.split('\n## The log\n')[1]?.split('\n## ')[0] ?? '';
const shown = section.split('\n').flatMap((line) => {
  const [, cell = ''] = /^\| (`.*?) \| /.exec(line) ?? [];
  return cell === '`msg`' ? [] : [...cell.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text);
});

const calls = readLogCalls();
const toPattern = (message: string) =>
  new RegExp(`^${message.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('…', '\\w+')}$`);

test('every message of the table is written by the code', () => {
  const written = calls.flatMap(({ messages }) => messages).map(toPattern);
  expect(shown.length).toBeGreaterThan(20);
  expect(shown.filter((text) => !written.some((pattern) => pattern.test(text)))).toEqual([]);
});

test('every message about a job or a request stands in the table', () => {
  const isTold = /toLogged|request_id|job_id|\b(?:job|line)\b/;
  const told = calls.filter(({ fields, isForDebugging }) => isTold.test(fields) && !isForDebugging);
  const messages = new Set(told.flatMap((call) => call.messages));
  expect(messages.size).toBeGreaterThan(20);
  const isShown = (message: string) => shown.some((text) => toPattern(message).test(text));
  expect([...messages].filter((message) => !isShown(message))).toEqual([]);
});

test('every line that the runbook has somebody look for is written by the code', () => {
  const told = [...page.matchAll(/((?:`[^`]+`(?:, | and | ))+)in the log/g)].flatMap(([, codes]) =>
    [...(codes ?? '').matchAll(/`([^`]+ [^`]+)`/g)].map(([, text = '']) => text),
  );
  expect(told.length).toBeGreaterThan(8);
  const sources = readSources();
  expect(told.filter((text) => !sources.some((source) => source.includes(`'${text}'`)))).toEqual(
    [],
  );
});
