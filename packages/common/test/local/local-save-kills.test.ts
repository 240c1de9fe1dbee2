import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { killMarkedProcesses } from '../../src/runners/local/process-facts.mjs';
import { startWebhookReceiver, type WebhookReceiver } from '../webhook-receiver.ts';
import { LocalFixture } from './local-fixture.ts';
import { type ServiceProcess, startServiceProcess } from './service-process.ts';

/*
 * Cancelling with a checkpoint while the service is killed by SIGKILL, so that nothing of it could
 * put anything in order.
 */
let fixture: LocalFixture;
let receiver: WebhookReceiver;
let service: ServiceProcess;
let starts: string;
let uri: string;

// Each test starts up to three services.
vi.setConfig({ testTimeout: 90_000 });

beforeEach(async () => {
  fixture = await LocalFixture.create();
  receiver = await startWebhookReceiver();
  starts = join(fixture.root, 'starts');
  uri = join(fixture.root, 'results/saves/checkpoints/checkpoint-4');
});
afterEach(async () => {
  await service.kill();
  for (const runId of readdirSync(join(fixture.stateDir, 'runs'))) {
    killMarkedProcesses(runId);
    await fixture.untilDead(runId);
  }
  await receiver.close();
  await fixture[Symbol.asyncDispose]();
});

/** One core, so that a run that waited again would stand before any later one. */
async function start(graceSeconds: number): Promise<void> {
  service = await startServiceProcess({
    ...fixture.env,
    TRAINER_LOCAL_CORES: '1',
    TRAINER_GRACE_SECONDS: String(graceSeconds),
    TRAINER_RATE_LIMIT_PER_MINUTE: '0',
  });
}

const submit = (jobId: string, standIn: object) => {
  const callbacks = { webhook_url: receiver.url };
  const body = fixture.makeBody(jobId, { record_start: starts, ...standIn }, { callbacks });
  return service.post('/train', body);
};

async function submitAndRun(obeys: object): Promise<string> {
  await submit('saves', { outcome: 'never', obeys: { uri, ...obeys } });
  const { body } = await service.getUntil('saves', ({ status }) => status === 'running');
  const runId = fixture.findRun(body.backend_job_id);
  while (readEnvironment(runId) === undefined) await setTimeout(10);
  return runId;
}

const readEnvironment = (runId: string) =>
  fixture.readRunFile(runId, 'work/environment.json') as Record<string, string> | undefined;

const cancelAndSave = async () => {
  const { body } = await service.post('/train/saves/cancel?save=true');
  expect(body).toMatchObject({ status: 'cancelled', checkpoints: [] });
};

const toldEnds = () =>
  receiver.requests.filter(({ json }) => json.job_id === 'saves' && json.status === 'cancelled');

/** Until the records have it that the webhook took the end. */
async function untilTold(): Promise<void> {
  const isTold = async () =>
    (await service.request('/deliveries?state=delivered')).body.data.length === 1;
  while (!(await isTold())) await setTimeout(10);
}

async function untilForgotten(runId: string): Promise<void> {
  await fixture.untilDead(runId);
  while (existsSync(fixture.runFolder(runId))) await setTimeout(10);
}

/** Starts once more, and has a later job go through the line in which `saves` must not stand. */
async function expectNoRunAfterRestart(): Promise<void> {
  await service.kill();
  await start(60);
  await submit('later', {});
  await service.getUntil('later', ({ status }) => status === 'succeeded');
  expect(readFileSync(starts, 'utf8').split('\n').filter(Boolean)).toEqual(['saves', 'later']);
  const { body } = await service.request('/train/saves');
  expect(body).toMatchObject({ status: 'cancelled', checkpoints: [{ step: 4, uri }] });
  expect(toldEnds()).toHaveLength(1);
}

/** Until when the run may save, as the records have it. */
function readStopAtMs(): number {
  const database = new DatabaseSync(join(fixture.stateDir, 'records.sqlite'), { readOnly: true });
  try {
    const records = database.prepare('SELECT record FROM records').all();
    const saves = records
      .map(({ record }) => JSON.parse(String(record)))
      .find(({ id }) => id === 'saves');
    return saves.stopAtMs;
  } finally {
    database.close();
  }
}

/** What a report of the run is answered with. */
async function askForOrders(runId: string): Promise<unknown> {
  const { TRAINER_REPORTS_URL_FILE = '', TRAINER_REPORTS_TOKEN } = readEnvironment(runId) ?? {};
  const url = readFileSync(TRAINER_REPORTS_URL_FILE, 'utf8').trim();
  const response = await fetch(`${url}/train/saves/reports`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${TRAINER_REPORTS_TOKEN}`,
    },
    body: JSON.stringify({ attempt: 1, step: 4 }),
  });
  return ((await response.json()) as { orders?: unknown }).orders;
}

test('a service that is killed after the latch leaves the order to save to the next one', async () => {
  await start(60);
  const runId = await submitAndRun({ waits: 'asking' });
  await cancelAndSave();
  await untilTold();
  const stopAtMs = readStopAtMs();
  expect(stopAtMs).toBeGreaterThan(Date.now());
  await service.kill();
  await start(60);
  expect(await askForOrders(runId)).toEqual([{ do: 'stop', save: true }]);
  expect(readStopAtMs()).toBe(stopAtMs);
  fixture.release(runId);
  const { body } = await service.getUntil('saves', ({ checkpoints }) => checkpoints.length > 0);
  expect(body).toMatchObject({
    status: 'cancelled',
    reason: 'CANCELLED_BY_REQUEST',
    detail: 'Job cancellation requested',
    checkpoints: [{ step: 4, uri }],
  });
  await untilForgotten(runId);
  // It was gone, and nothing waited for the time that it had.
  expect(Date.now()).toBeLessThan(stopAtMs);
  await expectNoRunAfterRestart();
});

test('a run that obeys while no service is there starts no run again', async () => {
  await start(60);
  const runId = await submitAndRun({ waits: 'ending' });
  await cancelAndSave();
  await service.getUntil('saves', ({ checkpoints }) => checkpoints.length > 0);
  await untilTold();
  await service.kill();
  fixture.release(runId);
  await fixture.untilDead(runId);
  expect(fixture.readRunFile(runId, 'exit.json')).toMatchObject({ code: 7, signal: null });
  await start(60);
  await untilForgotten(runId);
  await expectNoRunAfterRestart();
});

test('a run that does not end is stopped by the next service, not before its time', async () => {
  await start(5);
  const runId = await submitAndRun({ ends: false });
  await cancelAndSave();
  const stopAtMs = readStopAtMs();
  await untilTold();
  await service.kill();
  await start(5);
  await fixture.untilDead(runId);
  expect(Date.now()).toBeGreaterThanOrEqual(stopAtMs);
  await untilForgotten(runId);
  expect(toldEnds()).toHaveLength(1);
  expect((await service.request('/train/saves')).body).toMatchObject({
    status: 'cancelled',
    reason: 'CANCELLED_BY_REQUEST',
  });
});
