import { findChromium, launchBrowser, measureFirstPaint } from '@trainer/page/testing';
import { startService } from './child.ts';
import { fill } from './fill.ts';
import { median, toTable, toText } from './table.ts';

/** So many a page of the list has. */
const ROWS = 50;
const GOALS = { rowsMs: '< 1,000 ms', scriptBytes: '< 60 KB' };

/** The page's list for somebody who opens it for the first time, in Chromium, beside one service. */
export async function measurePage(options: { jobs: number; runs: number }): Promise<string> {
  if (findChromium() === undefined) return 'Left out: there is no Chromium.';
  await using service = await startService();
  await fill(service.url, options.jobs);
  await using browser = await launchBrowser();
  const measure = () => measureFirstPaint(browser, `${service.url}/`, ROWS);
  // The service has looked at every job once, and the browser has its own files in memory.
  await measure();
  const runs = [];
  for (let run = 0; run < options.runs; run += 1) runs.push(await measure());
  const toRow = (name: string, values: readonly number[], unit: string, goal: string) => [
    ...[name, `${toText(median(values), 1)} ${unit}`],
    ...[`${toText(Math.max(...values), 1)} ${unit}`, goal],
  ];
  const rows = [
    toRow(
      'first paint',
      runs.map(({ anythingMs }) => anythingMs),
      'ms',
      '',
    ),
    toRow(
      'first paint of a page of rows',
      runs.map(({ rowsMs }) => rowsMs),
      'ms',
      GOALS.rowsMs,
    ),
    toRow(
      'scripts, gzip',
      runs.map(({ scriptBytes }) => scriptBytes / 1000),
      'KB',
      GOALS.scriptBytes,
    ),
  ];
  return toTable([`the list of ${toText(options.jobs)} jobs`, 'median', 'most', 'goal'], rows);
}
