import { expect, test } from 'vitest';
import { ContainerLog, type LogQuery } from './container-log.ts';

async function read(log: ContainerLog, query: LogQuery = {}): Promise<string[]> {
  const texts: string[] = [];
  for await (const { text } of log.read(query, new AbortController().signal)) texts.push(text);
  return texts;
}

test('lines are whole, whatever pieces they come in, and the last needs no end', async () => {
  const log = new ContainerLog();
  log.write('stdout', 'on');
  log.write('stderr', 'error\n');
  log.write('stdout', 'e\ntwo');
  expect(await read(log)).toEqual(['error', 'one']);
  log.end();
  expect(await read(log, { tailLines: 2 })).toEqual(['one', 'two']);
});

test('a follower gets what comes until the end', async () => {
  const log = new ContainerLog();
  log.write('stdout', 'one\n');
  const following = read(log, { follow: true });
  log.write('stdout', 'two\n');
  await Promise.resolve();
  log.write('stdout', 'three\n');
  log.end();
  expect(await following).toEqual(['one', 'two', 'three']);
});

test('a tail ends within its bytes', () => {
  const log = new ContainerLog();
  log.write('stdout', 'first\nsecond\n');
  expect(log.tail(80, 2048)).toBe('first\nsecond\n');
  expect(log.tail(1, 2048)).toBe('second\n');
  expect(log.tail(80, 4)).toBe('ond\n');
});
