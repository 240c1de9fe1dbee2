import {
  findFreePort,
  makeRequest,
  startTestService,
  startWebhookReceiver,
} from '@trainer/common/testing';
import { PAGE_FOLDER } from '@trainer/page';
import { findService } from '@trainer/services';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  findViolations,
  launchBrowser,
  measureOverflow,
  openPage,
  takePicture,
} from './browser.ts';
import { measureFirstPaint } from './first-paint.ts';

const JOBS = 5000;
const AT_ONCE = 20;
const FIRST_PAINT_MS = 1000;
const MAX_GZIPPED_BYTES = 60_000;

let browser: Browser;
let many: Awaited<ReturnType<typeof startService>>;
beforeAll(async () => {
  browser = await launchBrowser();
  many = await startService();
  for (let first = 0; first < JOBS; first += AT_ONCE) {
    const numbers = Array.from({ length: AT_ONCE }, (_, index) => first + index);
    await Promise.all(numbers.map((number) => submit(many, `run-${number}`, scriptOf(number))));
  }
}, 120_000);
afterAll(async () => {
  await browser.close();
  await many.close();
});

const meta = findService('meta').backend;
const startService = () =>
  startTestService({ backend: meta, pageFolder: PAGE_FOLDER, env: { TRAINER_MAX_JOBS: '20000' } });

function submit(service: typeof many, job_id: string, mock: Record<string, unknown>) {
  const body = makeRequest({ job_id, resources: { gpus: 2 }, extra_parameters: { mock } });
  return service.post('/train', body);
}

/** The newest are a mixture, all others wait. */
function scriptOf(number: number): Record<string, unknown> {
  const waiting = { submitted_seconds: 7200 };
  if (number < JOBS - 40) return waiting;
  const others = [
    { submitted_seconds: 0, running_seconds: 600 },
    { outcome: 'failed', reason: 'loss is nan at step 12' },
    {},
    waiting,
  ];
  return others[number % others.length] ?? waiting;
}

const rows = (page: Page) => page.locator('table.jobs tbody tr');
const firstId = (page: Page) => rows(page).first().locator('a').textContent();

it('shows 5,000 jobs a page at a time, within a second, with filters that stand in the address', async () => {
  const { rowsMs, scriptBytes } = await measureFirstPaint(browser, `${many.url}/`, 50);
  console.log(`5,000 jobs: rows after ${rowsMs.toFixed(0)} ms, ${scriptBytes} bytes of scripts`);
  expect(rowsMs).toBeLessThan(FIRST_PAINT_MS * 5);
  expect(scriptBytes).toBeGreaterThan(0);
  expect(scriptBytes).toBeLessThan(MAX_GZIPPED_BYTES);
  await using opened = await openPage(browser, `${many.url}/`);
  const { page, faults } = opened;
  await rows(page).nth(49).waitFor();
  expect(await rows(page).count()).toBe(50);
  expect(await firstId(page)).toMatch(/^run-49\d\d$/);
  expect(await page.locator('.pages').textContent()).toContain('5,000 jobs');
  await page.getByRole('link', { name: 'Older' }).click();
  await page.getByRole('link', { name: 'Newest' }).waitFor();
  await rows(page).first().waitFor();
  const older = await firstId(page);
  await page.goBack();
  await page.getByRole('button', { name: 'Failed 10' }).click();
  await page.getByText('10 jobs').waitFor();
  expect(new URL(page.url()).hash).toBe('#/?service=meta&status=failed');
  expect(await rows(page).count()).toBe(10);
  expect(await rows(page).first().textContent()).toContain('Training failed');
  await page.reload();
  await page.getByText('10 jobs').waitFor();
  expect(await page.getByRole('button', { name: 'Failed 10' }).getAttribute('aria-pressed')).toBe(
    'true',
  );
  expect(older).not.toBe(await firstId(page));
  expect(faults).toEqual([]);
});

it('shows what became of the final callback of each job', async () => {
  const receiver = await startWebhookReceiver();
  onTestFinished(() => receiver.close());
  await using service = await startService();
  const body = makeRequest({
    ...{ job_id: 'told', resources: { gpus: 2 } },
    callbacks: { webhook_url: receiver.url },
    extra_parameters: { mock: { submitted_seconds: 7200 } },
  });
  await service.post('/train', body);
  await using opened = await openPage(browser, `${service.url}/`);
  const { page } = opened;
  await page.getByRole('columnheader', { name: 'Callback' }).waitFor();
  const state = rows(page).first().locator('.delivery');
  expect(await state.count()).toBe(0);
  await page.getByText(/live, updated/).waitFor();
  await service.post('/train/told/cancel');
  await state.getByText('Delivered').waitFor();
});

it('counts new jobs instead of moving rows, until somebody asks for them', async () => {
  await using service = await startService();
  await submit(service, 'first', { submitted_seconds: 7200 });
  await using opened = await openPage(browser, `${service.url}/`);
  const { page } = opened;
  await page.getByRole('link', { name: 'first' }).waitFor();
  await submit(service, 'second', { submitted_seconds: 7200 });
  await submit(service, 'third', { submitted_seconds: 7200 });
  const button = page.getByRole('button', { name: '2 new jobs' });
  await button.waitFor();
  expect(await rows(page).count()).toBe(1);
  // What is shown goes on being brought up to date.
  await service.post('/train/first/cancel');
  await rows(page).first().getByText('Cancelled').waitFor();
  await button.click();
  await rows(page).nth(2).waitFor();
  expect(await firstId(page)).toBe('third');
  expect(await button.count()).toBe(0);
});

it('keeps the place of the keyboard while what is shown changes', async () => {
  await using opened = await openPage(browser, `${many.url}/`);
  const { page } = opened;
  await rows(page).nth(49).waitFor();
  const focused = () =>
    page.evaluate<string>('document.activeElement.ariaLabel ?? document.activeElement.textContent');
  for (const status of ['Submitted', 'Failed']) {
    await page.getByRole('button', { name: status }).focus();
    await page.keyboard.press('Space');
    await page.getByRole('button', { name: status, pressed: true }).waitFor();
    expect(await focused()).toMatch(new RegExp(`^${status}`));
    await rows(page).first().waitFor();
    expect(await focused()).toMatch(new RegExp(`^${status}`));
  }
  await page.goto(`${many.url}/#/`);
  for (const name of ['Older', 'Newest']) {
    await page.getByRole('link', { name, exact: true }).focus();
    await page.keyboard.press('Enter');
    const other = name === 'Older' ? 1 : 0;
    await expect.poll(() => page.getByRole('link', { name: 'Newest' }).count()).toBe(other);
    await rows(page).nth(49).waitFor();
    expect(await focused()).toBe('Jobs of meta');
  }
  await page.getByRole('button', { name: 'Submitted' }).focus();
  expect(await findViolations(page)).toEqual([]);
});

it('leads to a job and back by the keyboard alone', async () => {
  await using opened = await openPage(browser, `${many.url}/#/?status=failed`);
  const { page } = opened;
  await rows(page).first().waitFor();
  const id = (await firstId(page)) ?? '';
  const isOn = () => page.evaluate<string>('document.activeElement.textContent');
  for (let presses = 0; presses < 20 && (await isOn()) !== id; presses += 1) {
    await page.keyboard.press('Tab');
  }
  expect(await isOn()).toBe(id);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: id }).waitFor();
  await page.keyboard.press('Tab');
  expect(await isOn()).toBe('Jobs');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Jobs' }).waitFor();
});

it('shows of each job which one it was run again from, and as which', async () => {
  await using service = await startService();
  await submit(service, 'once', { outcome: 'failed' });
  await submit(service, 'often', { outcome: 'failed' });
  for (const [job_id, of] of [
    ['once-r2', 'once'],
    ['often-r2', 'often'],
    ['often-r3', 'often'],
  ]) {
    await service.getUntil(String(of), ({ status }) => status === 'failed');
    await service.post(`/train/${of}/rerun`, { job_id, from: 'start' });
  }
  await using opened = await openPage(browser, `${service.url}/`);
  const { page, faults } = opened;
  await page.getByText('5 jobs').waitFor();
  const family = (id: string) =>
    rows(page)
      .filter({ has: page.locator('td > a', { hasText: new RegExp(`^${id}$`) }) })
      .locator('.family')
      .allTextContents();
  expect(await family('once')).toEqual(['Run again as once-r2']);
  expect(await family('once-r2')).toEqual(['Run again from once']);
  expect(await family('often')).toEqual(['Run again 2 times']);
  expect(await findViolations(page)).toEqual([]);
  await page.getByRole('link', { name: '2 times' }).click();
  await page.getByText('2 jobs').waitFor();
  expect(await rows(page).locator('td > a').allTextContents()).toEqual(['often-r3', 'often-r2']);
  await page.locator('.family').first().getByRole('link', { name: 'often' }).click();
  await page.getByRole('heading', { name: 'often' }).waitFor();
  expect(faults).toEqual([]);
});

it.each([1280, 400])('says of a job that it stands still, %i pixels wide', async (width) => {
  await using service = await startService();
  await submit(service, 'hanging', { submitted_seconds: 0, outcome: 'never' });
  await service.getUntil('hanging', ({ status }) => status === 'running');
  const viewport = { width, height: 800 };
  await using opened = await openPage(browser, 'about:blank', { viewport });
  const { page } = opened;
  await page.route('**/train?*', async (route) => {
    const response = await route.fetch();
    const list = await response.json();
    await route.fulfill({
      response,
      json: { ...list, data: [{ ...list.data[0], phase: 'stalled' }] },
    });
  });
  await page.goto(`${service.url}/`);
  await rows(page).first().waitFor();
  const told = rows(page).first().getByText('Stalled').filter({ visible: true });
  expect(await told.count()).toBe(1);
  expect(await measureOverflow(page)).toBeLessThanOrEqual(0);
});

describe('further filters', () => {
  async function submitOf(service: typeof many, job_id: string, team: string) {
    const extra_parameters = { mock: { submitted_seconds: 7200 }, job_labels: { team } };
    const body = makeRequest({ job_id, resources: { gpus: 2 }, extra_parameters });
    expect((await service.post('/train', body)).status).toBe(200);
  }
  async function startWithTeams() {
    const service = await startService();
    await submitOf(service, 'ml-1', 'ml');
    await submitOf(service, 'ml-2', 'ml');
    await submitOf(service, 'web-1', 'web');
    return service;
  }
  const hashOf = (page: Page) => decodeURIComponent(new URL(page.url()).hash);

  it('stand in the address, which can be shared and gone back from', async () => {
    await using service = await startWithTeams();
    await service.post('/train/ml-1/cancel');
    await using opened = await openPage(browser, `${service.url}/`);
    const { page, faults } = opened;
    await page.getByText('3 jobs').waitFor();
    const field = page.getByLabel('Filter', { exact: true });
    await field.fill('label[team]=ml  method=lora');
    await field.press('Enter');
    await page.getByText('2 jobs').waitFor();
    expect(hashOf(page)).toBe('#/?service=meta&label[team]=ml&method=lora');
    expect(await field.inputValue()).toBe('label[team]=ml method=lora');
    expect(await page.evaluate<string>('document.activeElement.tagName')).toBe('INPUT');
    await page.getByRole('button', { name: 'Cancelled 1' }).click();
    await page.getByText('1 job ·').waitFor();
    expect(hashOf(page)).toBe('#/?service=meta&status=cancelled&label[team]=ml&method=lora');
    expect(await findViolations(page)).toEqual([]);

    await using shared = await openPage(browser, page.url());
    await shared.page.getByRole('link', { name: 'ml-1' }).waitFor();
    expect(await rows(shared.page).count()).toBe(1);
    const sharedField = shared.page.getByLabel('Filter', { exact: true });
    expect(await sharedField.inputValue()).toBe('label[team]=ml method=lora');

    await page.goBack();
    await page.getByText('2 jobs').waitFor();
    await page.goBack();
    await page.getByText('3 jobs').waitFor();
    expect(await field.inputValue()).toBe('');
    await page.goForward();
    await page.getByText('2 jobs').waitFor();
    await page.getByRole('link', { name: 'Clear' }).click();
    await page.getByText('3 jobs').waitFor();
    expect([hashOf(page), await field.inputValue()]).toEqual(['#/?service=meta', '']);
    expect(faults).toEqual([]);
  });

  it('let the list go on, and count new jobs that match alone', async () => {
    await using service = await startWithTeams();
    await using opened = await openPage(browser, `${service.url}/#/?label[team]=ml`);
    const { page } = opened;
    await page.getByText(/^2 jobs · live, updated/).waitFor();
    await submitOf(service, 'web-2', 'web');
    await submitOf(service, 'ml-3', 'ml');
    await page.getByRole('button', { name: '1 new job' }).click();
    await page.getByRole('link', { name: 'ml-3' }).waitFor();
    await page.getByText('3 jobs').waitFor();
    expect(await rows(page).count()).toBe(3);
  });

  it('that are none are told in one sentence, and nothing else is shown for them', async () => {
    await using service = await startWithTeams();
    await using opened = await openPage(browser, `${service.url}/`);
    const { page, faults } = opened;
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.getByText('3 jobs').waitFor();
    const field = page.getByLabel('Filter', { exact: true });
    const alert = page.getByRole('alert');
    await field.fill('llama');
    await field.press('Enter');
    await alert.getByText('A filter is written name=value,').waitFor();
    await field.fill('modl=llama');
    await field.press('Enter');
    await alert.getByText('There is no filter modl: there are model, method,').waitFor();
    expect(await field.getAttribute('aria-invalid')).toBe('true');
    expect(await findViolations(page)).toEqual([]);
    // What was shown before still is.
    expect([hashOf(page), await rows(page).count()]).toEqual(['', 3]);

    await page.goto(`${service.url}/#/?modl=llama`);
    await page.reload();
    await alert.getByText('There is no filter modl:').waitFor();
    expect([await rows(page).count(), await field.inputValue()]).toEqual([0, 'modl=llama']);
    expect(asked.filter((url) => url.includes('modl='))).toEqual([]);

    await field.fill('created_after=yesterday');
    await field.press('Enter');
    await page
      .getByRole('status')
      .getByText('created_after must be a time such as 2026-11-26T09:00:00Z.', { exact: true })
      .waitFor();
    expect(await alert.count()).toBe(0);
    expect(await page.locator('table.jobs').count()).toBe(0);
    expect(await findViolations(page)).toEqual([]);
    await field.fill('created_after=2026-11-26T09:00:00Z');
    await field.press('Enter');
    await page.locator('.pages').waitFor();
    expect(faults).toEqual([]);
  });
});

it('says that there are none', async () => {
  await using service = await startService();
  await using opened = await openPage(browser, `${service.url}/`);
  await opened.page.getByText('There are no such jobs.').waitFor();
  expect(await findViolations(opened.page)).toEqual([]);
});

describe('with a peer', () => {
  const nemo = findService('nemo').backend;
  const base_model = { provider: 'nemo', model_name: 'nvidia/nemotron' };

  async function startBoth() {
    const [own, peer] = [await findFreePort(), await findFreePort()];
    const startPeer = () =>
      startTestService({
        backend: nemo,
        env: { PORT: peer, TRAINER_CORS_ORIGINS: `http://127.0.0.1:${own}` },
      });
    const service = await startTestService({
      backend: meta,
      pageFolder: PAGE_FOLDER,
      env: { PORT: own, TRAINER_PEERS: `nemo=http://127.0.0.1:${peer}` },
    });
    return { service, startPeer };
  }

  async function submitTo(service: typeof many, job_id: string, changes = {}) {
    const body = makeRequest({ job_id, resources: { gpus: 2 }, ...changes });
    expect((await service.post('/train', body)).status).toBe(200);
  }

  it('shows the jobs of both, newest first, a page at a time', async () => {
    const { service, startPeer } = await startBoth();
    await using _service = service;
    await using peer = await startPeer();
    for (let n = 0; n < 40; n += 1) {
      await submitTo(service, `job-${n}`);
      await submitTo(peer, `job-${n}`, { base_model });
    }
    await using opened = await openPage(browser, `${service.url}/`);
    const { page, faults } = opened;
    await page.getByText('80 jobs').waitFor();
    const seen = new Set<string>();
    const look = async () => {
      for (const text of await page.locator('table.jobs tbody a').all()) {
        seen.add((await text.getAttribute('href')) ?? '');
      }
    };
    expect(await rows(page).first().textContent()).toContain('job-39nemo');
    await look();
    expect(seen.size).toBeGreaterThanOrEqual(50);
    await page.getByRole('link', { name: 'Older' }).click();
    await page.getByRole('link', { name: 'Newest' }).waitFor();
    await page.getByRole('link', { name: 'job-0', exact: true }).first().waitFor();
    await look();
    expect(seen.size).toBe(80);
    expect(await page.locator('.pages').textContent()).toContain('80 jobs');
    await page.goto(`${service.url}/#/?created_after=2000-01-01T00:00:00Z&provider=nemo`);
    await page.getByText('40 jobs').waitFor();
    expect(await rows(page).filter({ hasText: 'nemo' }).count()).toBe(await rows(page).count());
    await page.goto(`${service.url}/#/?created_before=2000-01-01T00:00:00Z`);
    await page.getByText('There are no such jobs.').waitFor();
    // Another service is shown by the same filters.
    await page.getByRole('link', { name: 'meta', exact: true }).click();
    await page.getByRole('heading', { name: 'Jobs' }).waitFor();
    await page.getByText('There are no such jobs.').waitFor();
    expect(new URL(page.url()).hash).toContain('service=meta&created_before=2000');
    await page.getByRole('link', { name: 'Clear' }).click();
    await page.getByText('40 jobs').waitFor();
    expect(await findViolations(page)).toEqual([]);
    expect(faults).toEqual([]);
  });

  it('says whose jobs are missing while one is away, and shows them when it is back', async () => {
    const { service, startPeer } = await startBoth();
    await using _service = service;
    const peer = await startPeer();
    await submitTo(service, 'ours');
    await submitTo(peer, 'theirs', { base_model });
    await using opened = await openPage(browser, `${service.url}/`);
    const { page } = opened;
    await page.getByRole('link', { name: 'theirs' }).waitFor();
    await peer.close();
    await page.getByText(/^nemo cannot be reached at .* Its jobs are missing here\./).waitFor();
    await page.getByRole('link', { name: 'ours' }).waitFor();
    expect(await findViolations(page)).toEqual([]);
    await using again = await startPeer();
    await submitTo(again, 'later', { base_model });
    await page.getByRole('button', { name: '1 new job' }).click();
    await page.getByRole('link', { name: 'later' }).waitFor();
    expect(await page.getByText('cannot be reached').count()).toBe(0);
  });

  it('asks for the token of one also while the other is away', async () => {
    const away = await findFreePort();
    await using service = await startTestService({
      backend: nemo,
      pageFolder: PAGE_FOLDER,
      env: { TRAINER_API_TOKEN: 'right', TRAINER_PEERS: `meta=http://127.0.0.1:${away}` },
    });
    await using opened = await openPage(browser, `${service.url}/`);
    const { page } = opened;
    await page.getByText(/^meta cannot be reached at .* It is tried again/).waitFor();
    const field = page.getByLabel('nemo asks for a token');
    await field.fill('right');
    await field.press('Enter');
    await page.getByText('There are no such jobs.').waitFor();
    await page.getByText(/^meta cannot be reached at .* Its jobs are missing here\./).waitFor();
    expect(await field.count()).toBe(0);
  });
});

describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
  it.each([
    ['wide', 1280],
    ['narrow', 400],
  ])('is whole and without violations when it is %s', async (name, width) => {
    const options = { colorScheme, viewport: { width, height: 800 } };
    await using opened = await openPage(browser, `${many.url}/`, options);
    const { page } = opened;
    await rows(page).nth(49).waitFor();
    expect(await findViolations(page)).toEqual([]);
    expect(await measureOverflow(page)).toBeLessThanOrEqual(0);
    await takePicture(page, `page-list-${name}-${colorScheme}`);
  });
});
