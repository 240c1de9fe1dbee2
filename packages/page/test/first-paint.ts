import type { Browser, Response } from 'playwright-core';
import { openPage } from './browser.ts';

/** What the first look at the list costs somebody who has never been there. */
export interface FirstPaint {
  /** From the beginning of the navigation until a page of rows is painted. */
  readonly rowsMs: number;
  /** Until anything is. */
  readonly anythingMs: number;
  /** As they come over the wire, compressed. */
  readonly scriptBytes: number;
}

/** Notes when the last of so many rows is painted; it runs before the page's own script. */
const NOTE_ROWS = `
  globalThis.rowsMs = new Promise((resolve) => {
    new MutationObserver((_, observer) => {
      if (document.querySelectorAll('table.jobs tbody tr').length < ROWS) return;
      observer.disconnect();
      requestAnimationFrame(() => setTimeout(() => resolve(performance.now())));
    }).observe(document, { childList: true, subtree: true });
  });
`;

/** Opens the list in a new session and waits for `rows` rows, as many as a page of it has. */
export async function measureFirstPaint(
  browser: Browser,
  url: string,
  rows: number,
): Promise<FirstPaint> {
  await using opened = await openPage(browser, 'about:blank');
  const { page } = opened;
  await page.addInitScript(NOTE_ROWS.replace('ROWS', String(rows)));
  const sizes: Promise<number>[] = [];
  page.on('response', (response) => {
    if (response.url().endsWith('.js')) sizes.push(toCompressedSize(response));
  });
  await page.goto(url);
  const rowsMs = await page.evaluate<number>('rowsMs');
  const anythingMs = await page.evaluate<number>(
    "performance.getEntriesByName('first-contentful-paint')[0].startTime",
  );
  const scriptBytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  return { rowsMs, anythingMs, scriptBytes };
}

/** @throws Error where it is not compressed, so that the figure would be another one. */
async function toCompressedSize(response: Response): Promise<number> {
  const encoding = await response.headerValue('content-encoding');
  if (encoding !== 'gzip') throw new Error(`${response.url()} came as ${encoding}, not as gzip.`);
  return Number(await response.headerValue('content-length'));
}
