import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FakeClock } from '../../../test/fake-clock.ts';
import type { LogItem, LogQuery } from '../../jobs/log-line.ts';
import { LogFile } from './log-files.ts';
import { RunLogReader } from './run-log-reader.ts';

const ALL: LogQuery = {
  ...{ follow: true, tail: undefined, sinceMs: undefined, node: undefined },
  ...{ attempt: undefined, previous: false, after: new Map() },
};

let folder: string;
/** All files of the log that were opened. */
let opened: Set<FileHandle>;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'run-log-'));
  opened = new Set();
  writeFileSync(join(folder, 'log'), 'a\n');
  const probe = await open(join(folder, 'log'));
  const handles: FileHandle = Object.getPrototypeOf(probe);
  await probe.close();
  const { stat } = handles;
  // Which is asked of each, to tell it from the others.
  vi.spyOn(handles, 'stat').mockImplementation(function (this: FileHandle) {
    opened.add(this);
    return stat.call(this);
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

function read(query: Partial<LogQuery> = {}): AsyncGenerator<LogItem> {
  const { signal } = new AbortController();
  const state = { folder: () => folder, hasEnded: () => false, isWanted: true };
  return new RunLogReader(
    { ...state, clock: new FakeClock(), signal },
    { ...ALL, ...query },
  ).read();
}
const nextText = async (items: AsyncGenerator<LogItem>) =>
  ((await items.next()).value as { text?: string }).text;
const countOpen = () => [...opened].filter(({ fd }) => fd !== -1).length;

it('has no file open once its reader leaves where lines are missing', async () => {
  const items = read();
  expect(await nextText(items)).toBe('a');
  renameSync(join(folder, 'log'), join(folder, 'gone'));
  writeFileSync(join(folder, 'log'), 'c\n');
  expect(await nextText(items)).toMatch(/^\[lines are missing here/);
  await items.return(undefined);
  expect([opened.size, countOpen()]).toEqual([2, 0]);
});

it('has no file open once its reader leaves at the end of a file that was rotated', async () => {
  const items = read();
  expect(await nextText(items)).toBe('a');
  renameSync(join(folder, 'log'), join(folder, 'log.1'));
  writeFileSync(join(folder, 'log'), 'c\n');
  const { close } = LogFile.prototype;
  // Of those that it opens to find the next one.
  vi.spyOn(LogFile.prototype, 'close').mockImplementationOnce(function (this: LogFile) {
    appendFileSync(join(folder, 'log.1'), 'b\n');
    return close.call(this);
  });
  expect(await nextText(items)).toBe('b');
  await items.return(undefined);
  expect([opened.size, countOpen()]).toEqual([3, 0]);
});

it('has no file open where its beginning cannot be found', async () => {
  vi.spyOn(LogFile.prototype, 'size').mockRejectedValue(new Error('EIO'));
  await expect(read({ tail: 1 }).next()).rejects.toThrow('EIO');
  expect([opened.size, countOpen()]).toEqual([1, 0]);
});
