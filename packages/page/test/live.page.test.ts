import { findFreePort, makeRequest, startTestService } from '@trainer/common/testing';
import { PAGE_FOLDER } from '@trainer/page';
import { findService } from '@trainer/services';
import type { Browser, Page, Request } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launchBrowser, openPage, setHidden } from './browser.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

const startService = (env: Record<string, string> = {}) =>
  startTestService({ backend: findService('meta').backend, pageFolder: PAGE_FOLDER, env });
type Service = Awaited<ReturnType<typeof startService>>;

const WAITING = { submitted_seconds: 7200 };

function submit(service: Service, job_id: string, mock: Record<string, unknown> = WAITING) {
  const body = makeRequest({ job_id, resources: { gpus: 2 }, extra_parameters: { mock } });
  return service.post('/train', body);
}

const isList = (request: Request) => new URL(request.url()).pathname === '/train';
const isStream = (request: Request) => new URL(request.url()).pathname === '/events';
const isJob = (request: Request) => /^\/train\/[^/]+$/.test(new URL(request.url()).pathname);

/** Opens an address, and notes what the page asks for. */
async function open(url: string) {
  const opened = await openPage(browser, 'about:blank');
  const requests: Request[] = [];
  opened.page.on('request', (request) => requests.push(request));
  await opened.page.goto(url);
  return { ...opened, count: (is: (request: Request) => boolean) => requests.filter(is).length };
}

const row = (page: Page, jobId: string) => page.getByRole('row').filter({ hasText: jobId });
const untilLive = (page: Page) => page.getByText(/live, updated/).waitFor();

it('shows what happens to jobs without reading the list again', async () => {
  await using service = await startService();
  await submit(service, 'first');
  await submit(service, 'moving', { submitted_seconds: 6, running_seconds: 600 });
  await using opened = await open(service.url);
  const { page, count, faults } = opened;
  await untilLive(page);
  // The first one, and one since the stream was opened.
  await expect.poll(() => count(isList)).toBe(2);
  await row(page, 'moving').getByText('Running').waitFor();
  await row(page, 'moving').getByRole('progressbar').waitFor();
  await page.getByRole('button', { name: 'Running 1' }).waitFor();
  await service.post('/train/first/cancel');
  await row(page, 'first').getByText('Cancelled').waitFor();
  await page.getByRole('button', { name: 'Cancelled 1' }).waitFor();
  await submit(service, 'second');
  await page.getByRole('button', { name: '1 new job' }).waitFor();
  await page.getByRole('button', { name: 'Submitted 1' }).waitFor();
  await page.getByText('3 jobs').waitFor();
  expect([count(isList), count(isStream)]).toEqual([2, 1]);
  await page.getByRole('button', { name: '1 new job' }).click();
  await row(page, 'second').waitFor();
  expect(count(isList)).toBe(3);
  await service.request('/train/first', { method: 'DELETE' });
  await row(page, 'first').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Cancelled 0' }).waitFor();
  expect(faults).toEqual([]);
});

it('reads again what events of jobs that it does not show cannot tell', async () => {
  await using service = await startService();
  await submit(service, 'hidden');
  await using opened = await open(`${service.url}/#/?status=cancelled`);
  const { page } = opened;
  await untilLive(page);
  await page.getByText('There are no such jobs.').waitFor();
  await service.post('/train/hidden/cancel');
  await page.getByRole('button', { name: 'Cancelled 1' }).waitFor();
});

it('reads a job again when something has happened to it, and not in between', async () => {
  await using service = await startService();
  await submit(service, 'followed', { submitted_seconds: 6, running_seconds: 60 });
  await using opened = await open(`${service.url}/#/jobs/meta/followed`);
  const { page, count } = opened;
  await untilLive(page);
  await expect.poll(() => count(isJob)).toBe(2);
  const progress = page.getByRole('progressbar', { name: 'Progress of followed' });
  await progress.waitFor();
  await page.locator('.state-row .status', { hasText: 'Running' }).waitFor();
  const known = count(isJob);
  const percentage = await progress.getAttribute('value');
  await expect.poll(() => progress.getAttribute('value'), { timeout: 20_000 }).not.toBe(percentage);
  expect(count(isJob)).toBe(known);
  await service.post('/train/followed/cancel');
  await page.locator('.state-row .status', { hasText: 'Cancelled' }).waitFor();
});

it('draws what a training measures as it tells of it', async () => {
  await using service = await startService();
  await submit(service, 'measuring', { submitted_seconds: 0, running_seconds: 60 });
  await using opened = await open(`${service.url}/#/jobs/meta/measuring`);
  const { page } = opened;
  await untilLive(page);
  const plot = page.getByRole('img', { name: /^Loss: from/ });
  await plot.waitFor();
  const drawn = await plot.getAttribute('aria-label');
  await expect.poll(() => plot.getAttribute('aria-label'), { timeout: 20_000 }).not.toBe(drawn);
});

it('says that a service is away, and goes on when it is back', async () => {
  const PORT = await findFreePort();
  const first = await startService({ PORT });
  await submit(first, 'before');
  await using opened = await open(first.url);
  const { page, count } = opened;
  await untilLive(page);
  await first.close();
  await page.getByText(`meta cannot be reached at http://127.0.0.1:${PORT}.`).waitFor();
  expect(await page.getByText(/live, updated/).count()).toBe(0);
  await row(page, 'before').waitFor();
  await using second = await startService({ PORT });
  await untilLive(page);
  // It kept its jobs in memory, so that they went with it.
  await row(page, 'before').waitFor({ state: 'detached' });
  await submit(second, 'after');
  await page.getByRole('button', { name: '1 new job' }).click();
  expect(await page.getByText('cannot be reached').count()).toBe(0);
  const reopened = count(isStream);
  await second.post('/train/after/cancel');
  await row(page, 'after').getByText('Cancelled').waitFor();
  expect(count(isStream)).toBe(reopened);
});

it('asks again and again where there is no stream', async () => {
  await using service = await startService();
  await submit(service, 'polled');
  await using opened = await openPage(browser, 'about:blank');
  const { page } = opened;
  await page.route('**/events', (route) => route.fulfill({ status: 404, body: 'no such route' }));
  await page.goto(service.url);
  await row(page, 'polled').waitFor();
  await service.post('/train/polled/cancel');
  await row(page, 'polled').getByText('Cancelled').waitFor();
  expect(await page.getByText(/live, updated/).count()).toBe(0);
  expect(await page.getByText(/updated/).count()).toBe(1);
});

it('says that the service of an ended job is away, also where there is no stream', async () => {
  await using service = await startService();
  await submit(service, 'ended');
  await service.post('/train/ended/cancel');
  await using opened = await openPage(browser, 'about:blank');
  const { page } = opened;
  await page.route('**/events?*', (route) => route.fulfill({ status: 404, body: 'no such route' }));
  await page.goto(`${service.url}/#/jobs/meta/ended`);
  await page.getByText('Cancelled').first().waitFor();
  await service.close();
  await page.getByText(/^meta cannot be reached/).waitFor({ timeout: 20_000 });
});

it('follows with the token of the service, in a header, once it has one', async () => {
  await using service = await startService({ TRAINER_API_TOKEN: 'right' });
  const headers = { 'x-trainer-token': 'right' };
  await service.post('/train', makeRequest({ resources: { gpus: 2 } }), headers);
  await using opened = await open(service.url);
  const { page, faults } = opened;
  const field = page.getByLabel('meta asks for a token');
  await field.waitFor();
  const streamed = page.waitForRequest(
    (request) => isStream(request) && request.headers()['x-trainer-token'] === 'right',
  );
  await field.fill('right');
  await field.press('Enter');
  expect((await streamed).url()).toBe(`${service.url}/events`);
  await untilLive(page);
  expect(faults).toEqual([]);
});

it('holds no stream in the background, and is told what it missed', async () => {
  await using service = await startService();
  await submit(service, 'missed');
  await using opened = await open(service.url);
  const { page, count } = opened;
  await untilLive(page);
  await expect.poll(() => count(isList)).toBe(2);
  const letGo = page.waitForEvent('requestfailed', isStream);
  await setHidden(page, true);
  await letGo;
  await service.post('/train/missed/cancel');
  const again = page.waitForRequest(isStream);
  await setHidden(page, false);
  // The place where it was.
  expect((await again).headers()['last-event-id']).toBeTruthy();
  await row(page, 'missed').getByText('Cancelled').waitFor();
  expect(count(isStream)).toBe(2);
});
