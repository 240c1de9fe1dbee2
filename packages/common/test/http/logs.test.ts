import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { Logger } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { JobRunner } from '../../src/jobs/job-runner.ts';
import type { LogItem, LogLine, LogQuery } from '../../src/jobs/log-line.ts';
import type { Platform } from '../../src/jobs/platform.ts';
import { FakeClock } from '../fake-clock.ts';
import { createKeptLog } from '../kept-log.ts';
import { makeRequest, startTestService, type TestService } from '../start-test-service.ts';

const SECRET = 'hf_a-secret-of-this-job';
const TOKENS = { TRAINER_API_TOKEN: 'api', TRAINER_READ_TOKENS: 'read' };
const ARCHIVE = 's3://bucket/logs/job-1';

let service: TestService;
let clock: FakeClock;
let platform: Platform;
/** What the runner gives, by a test. */
let readLogs: JobRunner['readLogs'];

function makeLine(text: string, rest: Partial<LogLine> = {}): LogLine {
  const time = '2026-01-01T00:00:00.000Z';
  return { node: 0, attempt: 1, time, text, isPartial: false, position: '1', ...rest };
}

async function* give(...items: readonly LogItem[]): AsyncGenerator<LogItem> {
  yield* items;
}

async function start(env: Record<string, string> = {}, logger?: Logger) {
  service = await startTestService({
    clock,
    ...(logger && { logger }),
    env: { TRAINER_MOCK_SUBMITTED_SECONDS: '1', TRAINER_MOCK_RUNNING_SECONDS: '20', ...env },
    decorate: {
      platform: (made) => {
        const own = made.runner.readLogs?.bind(made.runner);
        made.runner.readLogs = async (...given) => {
          const read = readLogs ?? own;
          if (read === undefined) throw new Error('no logs');
          return read(...given);
        };
        platform = made;
        return made;
      },
      webhookClient: (client) => client,
    },
  });
}

const submit = (changes = {}) => service.post('/train', makeRequest(changes));
const ask = (query = '', headers: Record<string, string> = {}) =>
  service.request(`/train/job-1/logs${query}`, { headers });
const ndjson = async (query = '') =>
  (await ask(query, { accept: 'application/x-ndjson' })).text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

beforeEach(async () => {
  clock = new FakeClock();
  readLogs = undefined;
});
afterEach(() => service.close());

describe('the log of a job on the mock', () => {
  beforeEach(async () => {
    await start();
    await submit();
    await clock.advance(1000);
  });

  test('has an object a line, with time, node, attempt and cursor, and says why it ends', async () => {
    await clock.advance(2000);
    const [first, , , ...rest] = await ndjson();
    expect(first).toEqual({
      cursor: 'n0.1',
      time: '2026-01-01T00:00:01.000Z',
      ...{ node: 0, attempt: 1, stream: null, line: 'Training begins (simulated)' },
    });
    expect(rest).toEqual([{ end: true, reason: 'LOG_READ', archive: ARCHIVE }]);
  });

  test('is text by default', async () => {
    await clock.advance(1000);
    const { headers, text } = await ask();
    expect(headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(text).toBe(
      `Training begins (simulated)\nstep 10 of 200: loss 2.1193\n# end: LOG_READ; archive: ${ARCHIVE}\n`,
    );
  });

  test('is a stream of events for browsers, which end for good', async () => {
    const { headers, text } = await ask('', { accept: 'text/event-stream' });
    expect(headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    const [line, end] = text.split('\n\n');
    expect(line).toMatch(
      /^id: n0\.1\nevent: line\ndata: \{.*"line":"Training begins \(simulated\)"\}$/,
    );
    expect(end).toMatch(/^id: end\nevent: end\ndata: \{"end":true,"reason":"LOG_READ"/);
    const again = await ask('', { accept: 'text/event-stream', 'last-event-id': 'end' });
    expect(again.status).toBe(204);
  });

  test('is followed to the end of the job', async () => {
    const followed = await fetch(`${service.url}/train/job-1/logs?follow=true&tail=1`, {
      headers: { accept: 'application/x-ndjson' },
    });
    await clock.advance(20_000);
    const lines = (await followed.text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ line }) => line).slice(0, 2)).toEqual([
      'Training begins (simulated)',
      'step 10 of 200: loss 2.1193',
    ]);
    expect(lines.at(-2).line).toBe('Training completed (simulated)');
    expect(lines.at(-1)).toEqual({ end: true, reason: 'JOB_ENDED', archive: ARCHIVE });
    expect(lines).toHaveLength(1 + 20 + 1 + 1);
  });

  test('goes on behind a cursor, and from a time', async () => {
    await clock.advance(5000);
    const all = await ndjson();
    expect(await ndjson(`?since=${all[2].cursor}`)).toEqual(all.slice(3));
    expect(await ndjson(`?since=${all[2].time}`)).toEqual(all.slice(2));
    expect(await ndjson('?tail=2')).toEqual(all.slice(-3));
    expect(await ndjson('?node=1')).toHaveLength(1);
    expect(await ndjson('?attempt=1')).toEqual(all);
  });

  test('is gone with its run', async () => {
    await service.post('/train/job-1/cancel');
    await clock.advance(1000);
    expect(await ndjson('?follow=true')).toEqual([
      { end: true, reason: 'POD_GONE', archive: ARCHIVE },
    ]);
  });
});

describe('a log', () => {
  test('shows no credential, also where one is cut into pieces', async () => {
    const [head, tail] = [SECRET.slice(0, 9), SECRET.slice(9)];
    readLogs = async () =>
      give(
        makeLine(`token=${SECRET};`),
        makeLine(`x${head}`, { isPartial: true, position: undefined }),
        makeLine('of another node', { node: 1 }),
        makeLine(`${tail}y`),
        { end: 'JOB_ENDED' },
      );
    await start();
    await submit({
      base_model: { provider: 'meta', model_name: 'a/b', huggingface_token: SECRET },
    });
    const lines = await ndjson();
    expect(lines.map(({ line }) => line)).toEqual([
      'token=[redacted];',
      expect.stringMatching(/^x?$/),
      'of another node',
      expect.stringMatching(/^x?\[redacted\]y$/),
      undefined,
    ]);
    expect(lines[1]).toMatchObject({ partial: true, cursor: null });
    expect(lines[3].cursor).toBe('n0.1_1.1');
    expect((await ask()).text).toContain('[node 1] of another node\n');
  });

  test('is not shown any more once the credentials are purged', async () => {
    readLogs = async () => give(makeLine(`token=${SECRET}`), { end: 'JOB_ENDED' });
    await start();
    await submit({
      base_model: { provider: 'meta', model_name: 'a/b', huggingface_token: SECRET },
    });
    await clock.advance(60_000);
    await clock.advance(2 * 86_400_000);
    expect(await ndjson()).toEqual([{ end: true, reason: 'CREDENTIALS_GONE', archive: ARCHIVE }]);
    expect((await ask()).text).toBe(`# end: CREDENTIALS_GONE; archive: ${ARCHIVE}\n`);
  });

  test('is asked for with a token that only reads', async () => {
    await start(TOKENS);
    await service.post('/train', makeRequest(), { 'x-trainer-token': 'api' });
    const statuses = async (token: string) => (await ask('', { 'x-trainer-token': token })).status;
    expect(await statuses('read')).toBe(200);
    expect(await statuses('other')).toBe(403);
    expect((await ask()).status).toBe(401);
  });

  test('says all that is wrong with a request, each in one sentence', async () => {
    await start();
    await submit();
    const { status, body } = await ask('?follow=yes&tail=-1&since=now&node=x&attempt=0&lines=3');
    expect(status).toBe(400);
    expect(body.errors.map(({ path }: { path: string }) => path).sort()).toEqual(
      ['attempt', 'follow', 'lines', 'node', 'since', 'tail'].sort(),
    );
    const sentence = /since must be a time such as 2026-11-26T09:00:00Z, or the cursor of a line\./;
    expect(body.detail).toMatch(sentence);
    expect((await service.request('/train/other/logs')).status).toBe(404);
  });

  test('has no body for HEAD, and holds no place', async () => {
    await start({ TRAINER_MAX_LOG_READERS: '1' });
    await submit();
    for (let round = 0; round < 3; round += 1) {
      const { status, text } = await service.request('/train/job-1/logs?follow=true', {
        method: 'HEAD',
      });
      expect([status, text]).toEqual([200, '']);
    }
  });

  test('is read by so many at a time, and a place is free once its reader is gone', async () => {
    await start({ TRAINER_MAX_LOG_READERS: '1' });
    await submit();
    const reader = new AbortController();
    await fetch(`${service.url}/train/job-1/logs?follow=true`, { signal: reader.signal });
    const { status, headers, body } = await ask();
    expect([status, headers.get('retry-after'), body.code]).toEqual([503, '5', 'TOO_MANY_READERS']);
    reader.abort();
    while ((await ask()).status !== 200);
  });

  test('frees the place of a reader who left before it was opened, and calls that no failure', async () => {
    const { lines, logger } = createKeptLog();
    const arriving: ServerResponse[] = [];
    const note = (message: unknown) =>
      arriving.push((message as { response: ServerResponse }).response);
    await start({ TRAINER_MAX_LOG_READERS: '1' }, logger);
    await submit();
    const { store } = platform;
    const get = store.get.bind(store);
    subscribe('http.server.request.start', note);
    for (const path of ['/train/job-1/logs', '/train/job-1/logs?follow=true']) {
      const asked = Promise.withResolvers<void>();
      const lookUp = Promise.withResolvers<void>();
      store.get = async (name) => {
        asked.resolve();
        await lookUp.promise;
        return get(name);
      };
      const socket = connect(service.port, '127.0.0.1');
      socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
      await asked.promise;
      const closed = once(arriving.at(-1) as ServerResponse, 'close');
      socket.destroy();
      await closed;
      lookUp.resolve();
    }
    unsubscribe('http.server.request.start', note);
    store.get = get;
    expect((await ask()).status).toBe(200);
    expect(lines.filter(({ msg }) => msg === 'reader left')).toMatchObject([
      { job_id: 'job-1', status: 499 },
      { job_id: 'job-1', status: 499 },
    ]);
    expect(lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('keeps its connection alive while nothing is written', async () => {
    const { promise: end, resolve } = Promise.withResolvers<LogItem>();
    const asked = Promise.withResolvers<void>();
    readLogs = async () =>
      (async function* () {
        asked.resolve();
        yield await end;
      })();
    await start();
    await submit();
    const answer = ask('', { accept: 'text/event-stream' });
    await asked.promise;
    await clock.advance(45_000);
    resolve({ end: 'JOB_ENDED' });
    expect((await answer).text).toMatch(/^:\n\n:\n\nid: end\n/);
  });

  test('says that the service closes, which waits for no reader', async () => {
    await start();
    await submit();
    const answer = await fetch(`${service.url}/train/job-1/logs?follow=true`, {
      headers: { accept: 'application/x-ndjson' },
    });
    await service.close();
    expect(await answer.text()).toBe(
      `{"end":true,"reason":"SERVICE_CLOSING","archive":"${ARCHIVE}"}\n`,
    );
  });

  test('that breaks off says so', async () => {
    readLogs = async () =>
      (async function* () {
        yield makeLine('one');
        throw new Error('broken');
      })();
    await start();
    await submit();
    expect((await ndjson()).at(-1)).toMatchObject({ end: true, reason: 'CUT_OFF' });
  });

  test('counts with the time until it began', async () => {
    await start();
    await submit();
    const reader = new AbortController();
    await fetch(`${service.url}/train/job-1/logs?follow=true`, { signal: reader.signal });
    const { text } = await service.request('/metrics');
    expect(text).toMatch(/duration_seconds_count\{.*route="\/train\/:job_id\/logs".*\} 1\n/);
    reader.abort();
  });

  test('waits with a reader that does not read', async () => {
    let given = 0;
    const stalled = Promise.withResolvers<void>();
    let timer: NodeJS.Immediate | undefined;
    readLogs = async (_record, _query: LogQuery, signal) =>
      (async function* () {
        const line = makeLine('x'.repeat(8000));
        while (!signal.aborted) {
          given += 1;
          yield line;
        }
      })();
    await start();
    await submit();
    const socket = connect(service.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.pause();
    socket.write('GET /train/job-1/logs?follow=true HTTP/1.1\r\nhost: localhost\r\n\r\n');
    // It is full once turns of the event loop bring nothing more.
    const look = (before: number, still: number) => {
      if (given > 0 && given === before && still > 50) stalled.resolve();
      else timer = setImmediate(look, given, given === before ? still + 1 : 0);
    };
    look(0, 0);
    await stalled.promise;
    clearImmediate(timer);
    // What the sockets of both sides take, and no more.
    expect(given * 8000).toBeLessThan(32 * 1024 * 1024);
    socket.destroy();
    expect(platform.store.count()).toBe(1);
  });
});
