import {
  findFreePort,
  makeRequest,
  startTestService,
  startWebhookReceiver,
} from '@trainer/common/testing';
import { PAGE_FOLDER } from '@trainer/page';
import { findService } from '@trainer/services';
import type { Browser, Page, Request } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  findViolations,
  launchBrowser,
  measureOverflow,
  openEverything,
  openPage,
  setHidden,
  takePicture,
} from './browser.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

const meta = findService('meta').backend;
const startService = (env: Record<string, string> = {}) =>
  startTestService({ backend: meta, pageFolder: PAGE_FOLDER, env });

function submit(
  service: Awaited<ReturnType<typeof startService>>,
  job_id: string,
  mock: Record<string, unknown>,
  changes: Record<string, unknown> = {},
) {
  const body = makeRequest({
    job_id,
    resources: { gpus: 2 },
    extra_parameters: { mock },
    ...changes,
  });
  return service.post('/train', body);
}

const addressOf = (url: string, jobId: string, service = 'meta') =>
  `${url}/#/jobs/${service}/${encodeURIComponent(jobId)}`;

/** Waits until the job's state row says so. */
async function untilStatus(page: Page, status: string) {
  await page.locator('.state-row .status', { hasText: status }).waitFor();
}

/** What is announced to a screen reader. */
const announced = (page: Page) => page.locator('.job p[role=status]').textContent();

it('shows a job from its submission to its end', async () => {
  await using service = await startService();
  await submit(service, 'tickets:v1', { submitted_seconds: 6, running_seconds: 3 });
  await using opened = await openPage(browser, addressOf(service.url, 'tickets:v1'));
  const { page, faults } = opened;
  await untilStatus(page, 'Submitted');
  await untilStatus(page, 'Running');
  await page.getByRole('progressbar', { name: 'Progress of tickets:v1' }).waitFor();
  await page.getByRole('button', { name: 'Cancel job…' }).waitFor();
  await untilStatus(page, 'Succeeded');
  expect(await announced(page)).toBe('tickets:v1: Succeeded');
  expect(await page.title()).toBe('Succeeded · tickets:v1');
  expect(await page.locator('.legend').textContent()).toMatch(
    /Queued service 6 s.*Training [34] s/,
  );
  expect(await page.getByRole('button', { name: 'Cancel job…' }).count()).toBe(0);
  const events = page.getByRole('region', { name: 'Events' });
  await events.getByText('Job accepted for processing').waitFor();
  await events.getByText('Training completed (simulated)').waitFor();
  await page.getByText('Log', { exact: true }).click();
  await page
    .getByRole('region', { name: 'Log' })
    .getByText(/step|training/i)
    .first()
    .waitFor();
  await page.getByText('Request with defaults', { exact: true }).click();
  await page.getByText('"max_sequence_length": ').waitFor();
  await page.getByText('Request', { exact: true }).click();
  const sent = page.getByRole('region', { name: 'Request', exact: true });
  expect(JSON.parse((await sent.textContent()) ?? '')).toMatchObject({ job_id: 'tickets:v1' });
  await page.getByText('TrainJob', { exact: true }).click();
  await page.getByText('"kind": "TrainJob"').waitFor();
  expect(await findViolations(page)).toEqual([]);
  expect(faults).toEqual([]);
});

it('follows what a job writes, until that ends', async () => {
  await using service = await startService();
  await submit(service, 'writing', { submitted_seconds: 0, running_seconds: 30 });
  await using opened = await openPage(browser, addressOf(service.url, 'writing'));
  const { page, faults } = opened;
  await untilStatus(page, 'Running');
  const asked: Request[] = [];
  page.on('request', (request) => {
    if (request.url().includes('/logs?')) asked.push(request);
  });
  await page.getByText('Log', { exact: true }).click();
  const log = page.getByRole('region', { name: 'Log' });
  const linesOf = async () => (await log.textContent())?.trim().split('\n') ?? [];
  await expect.poll(async () => (await linesOf()).length, { timeout: 20_000 }).toBeGreaterThan(3);
  const before = await linesOf();
  await expect
    .poll(async () => (await linesOf()).length, { timeout: 20_000 })
    .toBeGreaterThan(before.length);
  expect((await linesOf()).slice(0, before.length)).toEqual(before);
  expect(asked).toHaveLength(1);
  await service.post('/train/writing/cancel');
  await page.getByText('The whole log: s3://bucket/logs/writing').waitFor();
  expect(asked).toHaveLength(1);
  expect(await findViolations(page)).toEqual([]);
  expect(faults).toEqual([]);
});

it('holds no log in the background, nor of one that is folded up', async () => {
  await using service = await startService();
  await submit(service, 'folded', { submitted_seconds: 0, outcome: 'never' });
  await using opened = await openPage(browser, addressOf(service.url, 'folded'));
  const { page } = opened;
  await untilStatus(page, 'Running');
  const isLog = (request: Request) => request.url().includes('/logs?');
  const summary = page.getByText('Log', { exact: true });
  const begun = page.waitForRequest(isLog);
  await summary.click();
  await begun;
  for (const isHidden of [true, false]) {
    const changed = isHidden
      ? page.waitForEvent('requestfailed', isLog)
      : page.waitForRequest(isLog);
    await setHidden(page, isHidden);
    await changed;
  }
  const letGo = page.waitForEvent('requestfailed', isLog);
  await summary.click();
  await letGo;
});

it('shows the loss over the logarithm of the steps, and the rest to whoever opens it', async () => {
  await using service = await startService();
  await submit(service, 'measured', { submitted_seconds: 0, running_seconds: 0.1 });
  await using opened = await openPage(browser, addressOf(service.url, 'measured'));
  const { page, faults } = opened;
  const section = page.getByRole('region', { name: 'Measurements' });
  const plot = section.getByRole('img', { name: /^Loss: from [\d.]+ to [\d.]+$/ });
  await plot.waitFor();
  expect(await plot.locator('.chart-steps text').allTextContents()).toEqual(['1', '10', '100']);
  expect(await section.getByRole('img').count()).toBe(1);
  await section.getByText('Loss as a table', { exact: true }).click();
  const { loss } = (await service.request('/train/measured/metrics?max_points=200')).body.series;
  const rows = section
    .getByRole('region', { name: 'Loss as a table', exact: true })
    .getByRole('row');
  // One of them is the head.
  await expect.poll(() => rows.count()).toBe(loss.step.length + 1);
  await section.getByText('Eval loss', { exact: true }).click();
  await section.getByRole('img', { name: /^Eval loss/ }).waitFor();
  expect(await findViolations(page)).toEqual([]);
  expect(faults).toEqual([]);
});

it('tells of values that were no finite number, and breaks the curve off there', async () => {
  await using service = await startService();
  await submit(service, 'diverged', { submitted_seconds: 0, running_seconds: 0.1 });
  await using opened = await openPage(browser, service.url);
  const { page } = opened;
  const loss = { step: [1, 2, 3, 4], time: [1, 2, 3, 4], value: [2, 1, null, 3] };
  const json = { series: { loss }, non_finite: { loss: 1 } };
  await page.route('**/metrics?*', (route) => route.fulfill({ json }));
  await page.goto(addressOf(service.url, 'diverged'));
  await page.getByText('1 value was no finite number.').waitFor();
  expect((await page.locator('.chart path').getAttribute('d'))?.split('M')).toHaveLength(3);
  await page.getByText('Loss as a table').click();
  await page.getByRole('cell', { name: 'not finite' }).waitFor();
});

it('has no measurements of a job that measured nothing', async () => {
  await using service = await startService();
  await submit(service, 'silent', { submitted_seconds: 3600 });
  await using opened = await openPage(browser, service.url);
  const { page } = opened;
  const answered = page.waitForResponse((response) => response.url().includes('/metrics?'));
  await page.goto(addressOf(service.url, 'silent'));
  expect((await (await answered).json()).series).toEqual({});
  await untilStatus(page, 'Submitted');
  expect(await page.getByRole('region', { name: 'Measurements' }).count()).toBe(0);
});

it('shows why a job failed, and how its final callback fared', async () => {
  const receiver = await startWebhookReceiver();
  onTestFinished(() => receiver.close());
  await using service = await startService();
  const failing = { outcome: 'failed', reason: 'loss is nan at step 12' };
  await submit(service, 'unlucky', failing, { callbacks: { webhook_url: receiver.url } });
  await using opened = await openPage(browser, addressOf(service.url, 'unlucky'));
  const { page } = opened;
  await untilStatus(page, 'Failed');
  expect(await page.locator('.detail').textContent()).toBe('loss is nan at step 12');
  expect(await page.locator('.state-row code').textContent()).toBe('TRAINING_FAILED');
  const callback = page.getByRole('region', { name: 'Final callback' });
  await callback.getByText('Delivered after 1 attempt').waitFor();
  await callback.getByRole('button', { name: 'Send it again' }).click();
  await callback.getByText('sent again').waitFor();
  await callback.getByRole('row').nth(2).waitFor();
  expect(receiver.requests.at(-1)?.json.status).toBe('failed');
  expect(await findViolations(page)).toEqual([]);
});

it('shows a waiting job, which the keyboard alone cancels', async () => {
  await using service = await startService();
  await submit(service, 'patient', { submitted_seconds: 3600 });
  await using opened = await openPage(browser, addressOf(service.url, 'patient'));
  const { page } = opened;
  await untilStatus(page, 'Submitted');
  const isOn = () => page.evaluate("document.activeElement?.textContent === 'Cancel job…'");
  for (let presses = 0; presses < 10 && !(await isOn()); presses += 1) {
    await page.keyboard.press('Tab');
  }
  expect(await isOn()).toBe(true);
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'Cancel patient?' }).waitFor();
  expect(await findViolations(page)).toEqual([]);
  await page.keyboard.press('Escape');
  expect(await isOn()).toBe(true);
  await page.keyboard.press('Enter');
  for (let presses = 0; presses < 2; presses += 1) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await untilStatus(page, 'Cancelled');
  expect((await service.request('/train/patient')).body.status).toBe('cancelled');
});

it('runs an ended job again as a new one, and both say so', async () => {
  await using service = await startService();
  await submit(service, 'again', { outcome: 'failed' });
  await using opened = await openPage(browser, addressOf(service.url, 'again'));
  const { page, faults } = opened;
  await untilStatus(page, 'Failed');
  expect(await page.getByText(/^Run again (as|from)$/).count()).toBe(0);
  await page.getByRole('button', { name: 'Run again…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Run again again?' });
  await dialog.waitFor();
  expect(await findViolations(page)).toEqual([]);
  const id = dialog.getByLabel('Id of the new job');
  expect(await id.inputValue()).toBe('again-r2');
  expect(await dialog.getByRole('button', { name: /checkpoint/ }).isDisabled()).toBe(true);
  await id.fill('again');
  await dialog.getByRole('button', { name: 'From the start' }).click();
  await expect.poll(() => dialog.getByRole('alert').textContent()).not.toBe('');
  await id.fill('again-r2');
  await dialog.getByRole('button', { name: 'From the start' }).click();
  await page.getByRole('heading', { name: 'again-r2' }).waitFor();
  expect((await service.request('/train/again-r2')).body.rerun_of).toBe('again');
  await page.getByRole('link', { name: 'again', exact: true }).click();
  await page.getByRole('link', { name: 'again-r2', exact: true }).waitFor();
  expect(faults).toEqual([]);
});

it('says of a later job that it is not the one that was run again', async () => {
  await using service = await startService();
  await submit(service, 'taken', { outcome: 'failed' });
  await service.getUntil('taken', ({ status }) => status === 'failed');
  await service.post('/train/taken/rerun', { job_id: 'taken-r2', from: 'start' });
  await using opened = await openPage(browser, addressOf(service.url, 'taken-r2'));
  const { page, faults } = opened;
  const notice = page.getByText('this is a later job of the same id');
  const parent = page.getByRole('link', { name: 'taken', exact: true });
  await parent.click();
  await page.getByRole('link', { name: 'taken-r2', exact: true }).waitFor();
  expect(await notice.count()).toBe(0);
  await service.request('/train/taken', { method: 'DELETE' });
  await submit(service, 'taken', { outcome: 'never' });
  await page.goBack();
  await parent.click();
  await notice.waitFor();
  expect(await findViolations(page)).toEqual([]);
  expect(faults).toEqual([]);
});

it('shows nothing of the job before where an id is used again', async () => {
  await using service = await startService();
  await submit(service, 'reused', { outcome: 'failed' });
  await service.getUntil('reused', ({ status }) => status === 'failed');
  await using opened = await openPage(browser, addressOf(service.url, 'reused'));
  const { page, faults } = opened;
  await page.getByText('Log', { exact: true }).click();
  const end = page.getByText('The whole log: s3://bucket/logs/reused');
  await end.waitFor();
  await page.getByText(/live, updated/).waitFor();
  await service.request('/train/reused', { method: 'DELETE' });
  const asked = page.waitForRequest((request) => request.url().endsWith('/reused/request'));
  await submit(service, 'reused', { submitted_seconds: 7200 });
  await untilStatus(page, 'Submitted');
  await end.waitFor({ state: 'detached' });
  await asked;
  expect(faults).toEqual([]);
});

it('says that the browser does not let it copy', async () => {
  await using service = await startService();
  await submit(service, 'copied', { submitted_seconds: 7200 });
  await using opened = await openPage(browser, addressOf(service.url, 'copied'));
  const { page, faults } = opened;
  const button = page.getByRole('button', { name: "Copy the job's id" });
  await button.waitFor();
  await page.evaluate(`
    navigator.clipboard.writeText = async () => {
      throw new DOMException('Write permission denied.', 'NotAllowedError');
    };
  `);
  await button.click();
  await page.getByRole('button', { name: "does not let the page copy the job's id" }).waitFor();
  await button.waitFor();
  expect(faults).toEqual([]);
});

it('runs an ended job again with changes, and says all that is wrong with them', async () => {
  const receiver = await startWebhookReceiver();
  onTestFinished(() => receiver.close());
  await using service = await startService();
  await submit(service, 'tuned', { outcome: 'failed' });
  await using opened = await openPage(browser, addressOf(service.url, 'tuned'));
  const { page, faults } = opened;
  await untilStatus(page, 'Failed');
  const reruns: string[] = [];
  page.on('request', (request) => {
    if (request.url().endsWith('/rerun')) reruns.push(request.url());
  });
  // By the keyboard alone.
  await page.getByRole('button', { name: 'Run again…' }).press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Run tuned again?' });
  await dialog.getByLabel('Id of the new job').press('Tab');
  const changes = dialog.getByLabel('Changes, if any');
  const focused = () => page.evaluate<string>('document.activeElement.tagName');
  const start = dialog.getByRole('button', { name: 'From the start' });
  const alert = dialog.getByRole('alert');
  expect([await focused(), await changes.inputValue()]).toEqual(['TEXTAREA', '']);

  await page.keyboard.type('{learning_rate: 1e-4}');
  await start.press('Enter');
  const example = '{"tuning_parameters": {"learning_rate": 1e-4}}';
  await alert.getByText(`The changes must be a JSON object, such as ${example}.`).waitFor();
  expect(await focused()).toBe('TEXTAREA');
  expect(await changes.getAttribute('aria-invalid')).toBe('true');
  expect(reruns).toEqual([]);
  expect(await findViolations(page)).toEqual([]);

  await changes.fill('{"tuning_parameters": {"learning_rate": -1}, "resources": {"gpus": -2}}');
  await start.press('Enter');
  await alert.locator('p').nth(1).waitFor();
  const told = await alert.locator('p').allTextContents();
  expect(told).toEqual([
    expect.stringContaining('resources.gpus'),
    expect.stringContaining('tuning_parameters.learning_rate'),
  ]);
  expect(await changes.getAttribute('aria-invalid')).toBe('true');
  expect(await dialog.getByLabel('Id of the new job').getAttribute('aria-invalid')).toBe('false');
  expect(await findViolations(page)).toEqual([]);

  const callbacks = { webhook_url: receiver.url };
  await changes.fill(JSON.stringify({ tuning_parameters: { learning_rate: 1e-4 }, callbacks }));
  await start.press('Enter');
  await page.getByRole('heading', { name: 'tuned-r2' }).waitFor();
  await receiver.next(({ json }) => json.job_id === 'tuned-r2');
  await page.getByText('Request with defaults', { exact: true }).click();
  const resolved = page.getByRole('region', { name: 'Request with defaults', exact: true });
  await resolved.getByText('"learning_rate": 0.0001').waitFor();
  expect(faults).toEqual([]);
});

it('rides out that a service goes away and comes back', async () => {
  const PORT = await findFreePort();
  const first = await startService({ PORT });
  await submit(first, 'survivor', { submitted_seconds: 0, outcome: 'never' });
  await using opened = await openPage(browser, addressOf(first.url, 'survivor'));
  const { page } = opened;
  await untilStatus(page, 'Running');
  await first.close();
  await page.getByText(`meta cannot be reached at http://127.0.0.1:${PORT}.`).waitFor();
  // What was last known stays.
  await untilStatus(page, 'Running');
  await using second = await startService({ PORT });
  await submit(second, 'survivor', { submitted_seconds: 3600 });
  await untilStatus(page, 'Submitted');
  expect(await page.getByText('cannot be reached').count()).toBe(0);
});

it('says that there is no such job, and no such service', async () => {
  await using service = await startService();
  await using opened = await openPage(browser, addressOf(service.url, 'nobody'));
  await opened.page.getByText('No job nobody is known to this service.').waitFor();
  await opened.page.goto(addressOf(service.url, 'nobody', 'elsewhere'));
  await opened.page.getByText('This page knows no service elsewhere.').waitFor();
});

it('asks for a token, which stays out of addresses and ends with the session', async () => {
  await using service = await startService({ TRAINER_API_TOKEN: 'right' });
  const headers = { 'x-trainer-token': 'right' };
  await service.post('/train', makeRequest({ resources: { gpus: 2 } }), headers);
  await using opened = await openPage(browser, addressOf(service.url, 'job-1'));
  const { page } = opened;
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  const field = page.getByLabel('meta asks for a token');
  await field.fill('wrong');
  await field.press('Enter');
  await page.getByText('The token is not one that this service accepts.').waitFor();
  expect(await findViolations(page)).toEqual([]);
  await field.fill('right\u200b');
  await field.press('Enter');
  await page.getByText('The token holds a character that no HTTP header can carry.').waitFor();
  expect(await page.getByText('cannot be reached').count()).toBe(0);
  await field.fill('right');
  await field.press('Enter');
  await untilStatus(page, 'Succeeded');
  expect(asked.length).toBeGreaterThan(1);
  expect([...asked, page.url()].filter((url) => url.includes('right'))).toEqual([]);
  await page.reload();
  await untilStatus(page, 'Succeeded');
  await using other = await openPage(browser, addressOf(service.url, 'job-1'));
  await other.page.getByLabel('meta asks for a token').waitFor();
});

it("shows a peer's jobs, which the browser asks itself, with a token of that origin alone", async () => {
  const [own, peer] = [await findFreePort(), await findFreePort()];
  const TRAINER_PEERS = `nemo=http://127.0.0.1:${peer}`;
  await using service = await startService({ PORT: own, TRAINER_PEERS });
  await using nemo = await startTestService({
    backend: findService('nemo').backend,
    env: {
      PORT: peer,
      TRAINER_API_TOKEN: 'of-nemo',
      TRAINER_CORS_ORIGINS: `http://127.0.0.1:${own}`,
    },
  });
  const base_model = { provider: 'nemo', model_name: 'nvidia/nemotron' };
  await nemo.post('/train', makeRequest({ base_model }), { 'x-trainer-token': 'of-nemo' });
  await using opened = await openPage(browser, addressOf(service.url, 'job-1', 'nemo'));
  const { page, faults } = opened;
  const withToken: string[] = [];
  page.on('request', (request) => {
    if ('x-trainer-token' in request.headers()) withToken.push(new URL(request.url()).port);
  });
  await page.getByLabel('nemo asks for a token').fill('of-nemo');
  await page.getByRole('button', { name: 'Use token' }).click();
  await untilStatus(page, 'Succeeded');
  expect(new Set(withToken)).toEqual(new Set([peer]));
  expect(faults).toEqual([]);
});

describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
  const WIDTHS: [string, number][] = [
    ['wide', 1280],
    ['narrow', 400],
  ];
  /** As it is shown now. */
  async function expectWhole(page: Page) {
    expect(await findViolations(page)).toEqual([]);
    expect(await measureOverflow(page)).toBeLessThanOrEqual(0);
  }

  it.each(WIDTHS)('is whole and without violations when it is %s', async (name, width) => {
    await using service = await startService();
    await submit(service, 'support-tickets-2026-11', {
      submitted_seconds: 0.5,
      running_seconds: 20,
    });
    const address = addressOf(service.url, 'support-tickets-2026-11');
    const viewport = { width, height: 800 };
    await using opened = await openPage(browser, address, { colorScheme, viewport });
    const { page } = opened;
    await untilStatus(page, 'Running');
    await page.locator('.legend', { hasText: 'Training' }).waitFor();
    await page.locator('.chart-steps').first().getByText('10', { exact: true }).waitFor();
    await expectWhole(page);
    await takePicture(page, `page-job-${name}-${colorScheme}`);
    await openEverything(page);
    await page.getByRole('region', { name: 'Log' }).getByText(/loss/).waitFor();
    await expectWhole(page);
    await page.getByRole('button', { name: 'Cancel job…' }).click();
    await expectWhole(page);
  });

  it.each(WIDTHS)(
    'shows all of a failed job when it is %s, also while its service is away',
    async (_, width) => {
      const receiver = await startWebhookReceiver();
      onTestFinished(() => receiver.close());
      await using service = await startService();
      const reason = `CUDA error at step 12: ${'/opt/trainer/lib/python3.12/'.repeat(16)}`;
      const callbacks = { webhook_url: receiver.url };
      await submit(service, 'unlucky', { outcome: 'failed', reason }, { callbacks });
      const viewport = { width, height: 800 };
      const address = addressOf(service.url, 'unlucky');
      await using opened = await openPage(browser, address, { colorScheme, viewport });
      const { page } = opened;
      await page.getByText('Delivered after 1 attempt').waitFor();
      await openEverything(page);
      await page.getByRole('region', { name: 'Log' }).getByText(reason).waitFor();
      await expectWhole(page);
      await page.getByRole('button', { name: 'Run again…' }).click();
      await page.getByLabel('Changes, if any').fill('{"resources": {"gpus": -2}}');
      await page.getByRole('button', { name: 'From the start' }).click();
      await page.getByRole('alert').getByText('resources.gpus').waitFor();
      await expectWhole(page);
      await page.keyboard.press('Escape');
      await service.close();
      await page.getByText(/^meta cannot be reached/).waitFor();
      await expectWhole(page);
    },
  );

  it.each(WIDTHS)('asks for a token when it is %s', async (_, width) => {
    await using service = await startService({ TRAINER_API_TOKEN: 'right' });
    const viewport = { width, height: 800 };
    const address = addressOf(service.url, 'job-1');
    await using opened = await openPage(browser, address, { colorScheme, viewport });
    await opened.page.getByLabel('meta asks for a token').waitFor();
    await expectWhole(opened.page);
  });
});
