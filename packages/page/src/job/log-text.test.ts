import type { LogLine } from '@trainer/client';
import { expect, it } from 'vitest';
import { addLines, describeEnd, NO_LOG } from './log-text.ts';

const toLine = (line: string, changes: Partial<LogLine> = {}): LogLine => ({
  ...{ cursor: null, time: null, node: 0, attempt: 1, stream: null, line },
  ...changes,
});

it('says where another run begins, and which other node a line is of', () => {
  const first = addLines(NO_LOG, [toLine('a'), toLine('b', { node: 1 })]);
  expect(first.lines).toEqual(['a', '[node 1] b']);
  expect(addLines(first, [toLine('c', { attempt: 2 }), toLine('d', { attempt: 2 })]).lines).toEqual(
    ['a', '[node 1] b', '── attempt 2 ──', 'c', 'd'],
  );
  expect(addLines(NO_LOG, [toLine('c', { attempt: 2 })]).lines).toEqual(['── attempt 2 ──', 'c']);
});

it('keeps the newest two thousand lines, and counts the others', () => {
  const lines = Array.from({ length: 1500 }, (_, index) => toLine(`line ${index}`));
  const text = addLines(addLines(NO_LOG, lines), lines);
  expect(text).toMatchObject({ droppedCount: 1000 });
  expect(text.lines).toHaveLength(2000);
  expect(text.lines.at(-1)).toBe('line 1499');
  expect(addLines(text, [toLine('more')]).droppedCount).toBe(1001);
});

it('says why there are no more, also where a later version has another reason', () => {
  expect(describeEnd({ end: true, reason: 'POD_GONE', archive: null })).toMatch(/^The pods/);
  const odd = { end: true as const, reason: 'OTHER', archive: null, unread_nodes: [1, 3] };
  expect(describeEnd(odd)).toBe('OTHER Not readable: node 1, 3.');
});
