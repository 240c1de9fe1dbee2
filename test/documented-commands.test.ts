import { readFile } from 'node:fs/promises';
import { FakeClock, startTestService } from '@trainer/common/testing';
import { findService } from '@trainer/services';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readBlocks, toCommands } from './page-blocks.ts';
import { PageShell } from './page-shell.ts';

// What the pages for users tell to type, run from top to bottom as it stands there, against services
// on the mock whose time passes when a step says so.

const TOKEN = 'my-token';
const PAGES = ['USAGE.md', 'CALLBACKS.md', 'PLANS.md', 'CLIENT.md', 'OPERATING.md'];

/** Each command of `trainer` is a process of its own. */
const TIMEOUT_MS = 120_000;

type Service = Awaited<ReturnType<typeof startTestService>>;

const clock = new FakeClock();
const posts: string[] = [];
let services: Record<'meta' | 'hf-unsloth', Service>;
let shell: PageShell;

async function start(name: 'meta' | 'hf-unsloth'): Promise<Service> {
  return startTestService({
    ...{ backend: findService(name).backend, clock },
    env: {
      TRAINER_API_TOKEN: TOKEN,
      TRAINER_MOCK_SUBMITTED_SECONDS: '2',
      TRAINER_MOCK_RUNNING_SECONDS: '30',
    },
    decorate: {
      platform: (platform) => platform,
      // Receivers of pages are nobody's.
      webhookClient: (client) => ({
        close: () => client.close(),
        post: async ({ url }) => {
          posts.push(url);
          return { ...RECEIVED };
        },
      }),
    },
  });
}

const RECEIVED = {
  ...{ status: 204, error: undefined, retryAfterMs: undefined, durationMs: 1 },
  ...{ isCutOff: false, isRefused: false },
};

beforeAll(async () => {
  services = { meta: await start('meta'), 'hf-unsloth': await start('hf-unsloth') };
  shell = await PageShell.open({
    env: { TRAINER_API_TOKEN: TOKEN, TRAINER_URL: services.meta.url },
    addresses: {
      'http://localhost:8082': services.meta.url,
      'http://127.0.0.1:8083': services['hf-unsloth'].url,
    },
  });
});
afterAll(async () => {
  await shell[Symbol.asyncDispose]();
  for (const service of Object.values(services)) await service.close();
});

/** What comes of a command that begins so. */
interface Step {
  readonly command: string | RegExp;
  /** So much time passes before it. */
  readonly after?: number;
  /** It has no end: this much of its output is enough. */
  readonly until?: string;
  /** The text of standard output, or what its JSON holds. */
  readonly prints: RegExp | object;
  readonly code?: number;
}

async function follow(page: string, steps: readonly Step[]): Promise<void> {
  const blocks = readBlocks(page).filter(({ language }) => language === 'sh');
  const run = blocks.filter(({ reasonNotToRun }) => reasonNotToRun === undefined);
  const left = [...steps];
  for (const command of run.flatMap(toCommands)) {
    const step = left.shift();
    if (step === undefined) throw new Error(`No step says what comes of: ${command}`);
    expect(command).toMatch(step.command);
    if (step.after !== undefined) await clock.advance(step.after * 1000);
    const { code, stdout, stderr } = await shell.run(command, step.until);
    const context = `${command}\n${stdout}\n${stderr}`;
    if (step.until === undefined) expect(code, context).toBe(step.code ?? 0);
    if (step.prints instanceof RegExp) expect(stdout, context).toMatch(step.prints);
    else expect(JSON.parse(stdout), context).toMatchObject(step.prints);
  }
  expect(left, `${page} has no such commands any more`).toEqual([]);
}

const ID = 'hf-unsloth-example-001';

test('docs/USAGE.md: its commands do what it says', { timeout: TIMEOUT_MS }, async () => {
  await follow('USAGE.md', [
    { command: /^curl .*\/train /, prints: { job_id: ID, status: 'submitted' } },
    { command: `train/${ID} `, after: 3, prints: { job_id: ID, status: 'running' } },
    { command: '/train?status=', prints: { data: [{ job_id: ID }], has_more: false } },
    { command: '/events ', prints: /"Job accepted for processing".*"name":"token-1"/ },
    { command: '/logs?', after: 60, prints: /^Training begins[\s\S]*# end: JOB_ENDED/ },
    { command: '/events ', prints: /^event: job\.state$[\s\S]*^event: stream\.end$/m },
    { command: '8083/events ', until: 'retry:', prints: /^retry: \d+$/m },
    { command: '/metrics?', prints: { series: { loss: { step: expect.any(Array) } } } },
    { command: '/request ', prints: { request: { job_id: ID }, withheld: [] } },
    { command: '/cancel ', prints: { status: 'succeeded', detail: 'Job already succeeded' } },
    { command: '/rerun ', prints: { job_id: `${ID}-r2`, rerun_of: ID } },
    { command: '-X DELETE ', prints: /^$/ },
  ]);
  const { status } = await services['hf-unsloth'].request(`/train/${ID}`, {
    headers: { 'x-trainer-token': TOKEN },
  });
  expect(status).toBe(404);
});

test('docs/CALLBACKS.md: its commands do what it says', { timeout: TIMEOUT_MS }, async () => {
  const file = new URL('../services/hf-unsloth-api/example.json', import.meta.url);
  const headers = { 'x-trainer-token': TOKEN };
  await services['hf-unsloth'].post('/train', await readFile(file, 'utf8'), headers);
  const prints = { job_id: ID, webhook_url: 'https://new.example.com/hook', has_auth_header: true };
  await follow('CALLBACKS.md', [{ command: '/callbacks ', prints }]);
});

test('docs/PLANS.md: its commands do what it says', { timeout: TIMEOUT_MS }, async () => {
  await follow('PLANS.md', [{ command: 'trainer plan', prints: /^Valid +yes$/m }]);
});

test('docs/CLIENT.md: its commands do what it says', { timeout: TIMEOUT_MS }, async () => {
  const id = 'meta-example-001';
  await follow('CLIENT.md', [
    { command: 'export ', prints: /^$/ },
    { command: 'trainer submit', prints: /^Job +meta-example-001$/m },
    { command: 'trainer callbacks', prints: /^Webhook +https:\/\/new\.example\.com\/hook$/m },
    { command: 'trainer list', after: 3, prints: /^meta-example-001 {2}running/m },
    { command: 'trainer list', prints: /^0 submitted/ },
    { command: 'trainer status', prints: { job_id: id, status: 'running' } },
    { command: 'trainer logs', after: 60, prints: /^Training completed/m },
    { command: 'trainer wait', prints: /^Status +succeeded/m },
    { command: 'trainer metrics', prints: /^loss, to step 200 of 200$/m },
    { command: 'trainer request', prints: /^$/ },
    { command: 'trainer rerun', prints: /^Rerun of +meta-example-001$/m },
    { command: 'trainer watch', after: 60, prints: /^\S+ {2}meta-example-001-r2 {2}succeeded: /m },
    { command: 'trainer cancel', prints: /^Detail +Job already succeeded$/m },
    { command: 'trainer deliveries', prints: /^0 pending, 1 delivered/ },
    { command: 'trainer replay', prints: /^$/ },
    { command: 'trainer forget', prints: /^$/ },
    { command: 'trainer render', prints: /^kind: TrainJob$/m },
  ]);
  expect(posts).toContain('https://new.example.com/hook');
});

test('every block of commands that is not run says why', () => {
  const blocks = PAGES.flatMap(readBlocks).filter(({ language }) => language === 'sh');
  const reasons = blocks.flatMap(({ reasonNotToRun }) => reasonNotToRun ?? []);
  expect(blocks.length).toBeGreaterThan(12);
  expect(reasons).toHaveLength(2);
});
