import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { JobRunner } from '../../src/jobs/job-runner.ts';
import { FakeClock } from '../fake-clock.ts';
import { makeRequest, startTestService, type TestService } from '../start-test-service.ts';
import { openStream } from './read-stream.ts';

const RUNNING = { extra_parameters: { mock: { submitted_seconds: 0, running_seconds: 7200 } } };
/** Within this, whoever has lost the token reads no more. */
const TICK_MS = 2000;

let folder: string;
let clock: FakeClock;
let service: TestService;
/** What the runner gives, by a test; as the mock by default. */
let readLogs: JobRunner['readLogs'];

const publish = (tokens: string) => writeFileSync(join(folder, 'tokens'), tokens);
const by = (token: string) => ({ 'x-trainer-token': token });
const follow = (token: string) =>
  fetch(`${service.url}/train/job-1/logs?follow=true`, {
    headers: { accept: 'application/x-ndjson', ...by(token) },
  });
const poll = (token: string) =>
  service.request('/train/job-1?wait=50&after=2', { headers: by(token) });
const linesOf = (text: string) =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

async function untilOpen(kind: string, count: number) {
  const line = new RegExp(`^trainer_open_streams\\{[^}]*kind="${kind}"[^}]*\\} ${count}$`, 'm');
  while (!line.test((await service.request('/metrics')).text));
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tokens-'));
  publish('first,second');
  clock = new FakeClock();
  readLogs = undefined;
  service = await startTestService({
    clock,
    env: { TRAINER_API_TOKEN_FILE: join(folder, 'tokens') },
    decorate: {
      platform: (made) => {
        const own = made.runner.readLogs?.bind(made.runner);
        made.runner.readLogs = async (...given) => {
          const read = readLogs ?? own;
          if (read === undefined) throw new Error('no logs');
          return read(...given);
        };
        return made;
      },
      webhookClient: (client) => client,
    },
  });
  await service.post('/train', makeRequest(RUNNING), by('first'));
  await clock.advance(1000);
});
afterEach(async () => {
  await service.close();
  rmSync(folder, { recursive: true });
});

it('ends what it has open: logs, polls and streams, and nobody else’s', async () => {
  const logs = [await follow('first'), await follow('second')] as const;
  await using stream = await openStream(`${service.url}/train/job-1/events`, by('first'));
  const polls = [poll('first'), poll('second')] as const;
  await untilOpen('poll', 2);
  publish('second,third');
  await clock.advance(TICK_MS);
  expect(linesOf(await logs[0].text()).at(-1)).toMatchObject({ end: true, reason: 'CUT_OFF' });
  expect((await stream.rest()).map(({ event }) => event)).not.toContain('stream.end');
  const refused = await polls[0];
  expect([refused.status, refused.body.code]).toEqual([403, 'FORBIDDEN']);
  expect((await follow('first')).status).toBe(403);
  await untilOpen('poll', 1);
  await untilOpen('logs', 1);

  await service.post('/train/job-1/cancel', undefined, by('third'));
  expect((await polls[1]).body.status).toBe('cancelled');
  await clock.advance(TICK_MS);
  expect(linesOf(await logs[1].text()).at(-1).reason).not.toBe('CUT_OFF');
});

it('cuts off a log whose reader does not read', async () => {
  const ended = Promise.withResolvers<void>();
  readLogs = async (_record, _query, signal) =>
    (async function* () {
      signal.addEventListener('abort', () => ended.resolve());
      const line = { node: 0, attempt: 1, time: undefined, isPartial: false, position: '1' };
      while (!signal.aborted) yield { ...line, text: 'x'.repeat(8000) };
    })();
  const socket = connect(service.port, '127.0.0.1').pause();
  socket.write(
    'GET /train/job-1/logs?follow=true HTTP/1.1\r\nhost: localhost\r\nx-trainer-token: first\r\n\r\n',
  );
  await untilOpen('logs', 1);
  publish('second');
  await clock.advance(TICK_MS);
  await ended.promise;
  // Also one that was not full yet when it was cut.
  await clock.advance(TICK_MS);
  await untilOpen('logs', 0);
  const closed = once(socket, 'close');
  socket.resume();
  await closed;
});

it('is asked for again after half an hour by whoever follows a log', async () => {
  const log = await follow('first');
  await clock.advance(30 * 60_000 + TICK_MS);
  expect(linesOf(await log.text()).at(-1)).toMatchObject({ end: true, reason: 'CUT_OFF' });
});
