import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const CANDIDATES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const FONTS = fileURLToPath(new URL('fonts.conf', import.meta.url));
const AXE = createRequire(import.meta.url).resolve('axe-core');
const PICTURES = fileURLToPath(new URL('../../../docs/images/', import.meta.url));

/** What CHROMIUM names, or Debian's own; undefined where there is none. */
export function findChromium(): string | undefined {
  return process.env.CHROMIUM ?? CANDIDATES.find((path) => existsSync(path));
}

/** A Chromium that shows the same fonts everywhere. */
export function launchBrowser(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error('There is no Chromium: install one first.');
  return chromium.launch({
    executablePath,
    env: { ...process.env, FONTCONFIG_FILE: FONTS },
    // Root, as in CI, has no sandbox.
    chromiumSandbox: process.getuid?.() !== 0,
  });
}

/** A page in a session of its own, and what went wrong in it: errors, and what its policy forbade. */
export async function openPage(browser: Browser, url: string, options: BrowserContextOptions = {}) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    reducedMotion: 'reduce',
    ...options,
  });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => {
    const text = message.text();
    // The browser itself notes every answer that is no success.
    if (message.type() === 'error' && !text.startsWith('Failed to load resource'))
      faults.push(text);
  });
  await page.goto(url);
  return { page, faults, [Symbol.asyncDispose]: () => context.close() };
}

/** As if another tab was shown, or this one again. */
export async function setHidden(page: Page, isHidden: boolean) {
  await page.evaluate(`
    Object.defineProperty(document, 'hidden', { value: ${isHidden}, configurable: true });
    const visibilityState = ${isHidden} ? 'hidden' : 'visible';
    Object.defineProperty(document, 'visibilityState', { value: visibilityState, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  `);
}

/** What axe finds wrong with the page as it is shown now, one line for each kind. */
export async function findViolations(page: Page): Promise<string[]> {
  // By the debugger's own way in, past the page's policy.
  const session = await page.context().newCDPSession(page);
  await session.send('Runtime.evaluate', { expression: await readFile(AXE, 'utf8') });
  const { result } = await session.send('Runtime.evaluate', {
    expression: 'axe.run().then(({ violations }) => JSON.stringify(violations))',
    awaitPromise: true,
    returnByValue: true,
  });
  const violations: { id: string; nodes: { html: string }[] }[] = JSON.parse(result.value);
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}

/** Unfolds all that is folded up, and what comes to light by that. */
export async function openEverything(page: Page): Promise<void> {
  const closed = page.locator('details:not([open]) > summary:visible');
  while ((await closed.count()) > 0) await closed.first().click();
}

/** By how many pixels the page, and a dialog that is open, are wider than what they are shown in. */
export function measureOverflow(page: Page): Promise<number> {
  return page.evaluate<number>(`
    Math.max(
      document.documentElement.scrollWidth - innerWidth,
      ...[...document.querySelectorAll('dialog[open]')].map((box) => box.scrollWidth - box.clientWidth),
    )
  `);
}

/** A picture of the page; with UPDATE_PICTURES=1, the one that the documents show. */
export async function takePicture(page: Page, name: string): Promise<void> {
  const path = process.env.UPDATE_PICTURES === '1' && `${PICTURES}${name}.png`;
  await page.screenshot({ ...(path && { path }) });
}
