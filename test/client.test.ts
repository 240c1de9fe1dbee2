import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isEnded, isLogEnd, type Job, TrainerApiError, TrainerClient } from '@trainer/client';
import { makeRequest, startTestService } from '@trainer/common/testing';
import { expect, it, onTestFinished } from 'vitest';

const FAST = {
  retryPace: { firstMs: 1, longestMs: 5 },
  pollPace: { firstMs: 2, longestMs: 10 },
};
const REQUEST = makeRequest() as never;

async function startService(env: Record<string, string> = {}) {
  const service = await startTestService({ env });
  onTestFinished(() => service.close());
  return { service, client: new TrainerClient({ baseUrl: service.url, ...FAST }) };
}

type Step = (request: IncomingMessage, response: ServerResponse) => void;

/** A server that answers its n-th request by the n-th step, and further ones by the last. */
async function startScript(...steps: Step[]) {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    const step = steps[Math.min(requests.length, steps.length - 1)];
    requests.push(request);
    request.resume().on('end', () => step?.(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  const baseUrl = `http://127.0.0.1:${port}`;
  return { requests, baseUrl, client: new TrainerClient({ baseUrl, ...FAST }) };
}

const json =
  (status: number, body: object, headers: Record<string, string> = {}): Step =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
const problem = (status: number, code: string, headers?: Record<string, string>) =>
  json(status, { code, status, detail: `It is ${code}.`, title: '', type: '' }, headers);
const reset: Step = (request) => request.socket.destroy();
const JOB = {
  job_id: 'job-1',
  status: 'running',
  reason: 'RUNNING',
  detail: 'Training is running',
};

const failureOf = async (promise: Promise<unknown>): Promise<TrainerApiError> => {
  const error = await promise.then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(TrainerApiError);
  return error;
};

it('submits a job, waits for its end and tells its progress', async () => {
  const { client } = await startService();
  const { job, isReplay } = await client.submit(REQUEST);
  expect(job).toMatchObject({ job_id: 'job-1', status: 'submitted' });
  expect(isReplay).toBe(false);
  const seen: string[] = [];
  const end = await client.wait('job-1', { onProgress: ({ status }) => seen.push(status) });
  expect(end).toMatchObject({ status: 'succeeded', metadata: { backend: 'test' } });
  expect(seen.at(-1)).toBe('succeeded');
  expect(await client.get('job-1')).toEqual(end);
  expect((await client.submit(REQUEST)).isReplay).toBe(true);
});

it('cancels a job', async () => {
  const { client } = await startService({ TRAINER_MOCK_RUNNING_SECONDS: '3600' });
  await client.submit(REQUEST);
  const waiting = client.wait('job-1');
  expect(await client.cancel('job-1')).toMatchObject({ status: 'cancelled' });
  expect((await waiting).status).toBe('cancelled');
});

it('shows what a job was asked for', async () => {
  const { client } = await startService();
  await client.submit(REQUEST);
  expect(await client.request('job-1')).toMatchObject({
    request: { job_id: 'job-1' },
    credentials: 'none',
    resolved_request: { tuning_parameters: { num_epochs: 3 } },
  });
});

it('shows what a job measured, cut as asked', async () => {
  const { client } = await startService();
  const mock = { submitted_seconds: 0, running_seconds: 0.01 };
  await client.submit(makeRequest({ extra_parameters: { mock } }) as never);
  await client.wait('job-1');
  const options = { names: ['loss', 'eval_loss'], fromStep: 100, maxPoints: 10 };
  const { series, downsampled } = await client.metrics('job-1', options);
  expect(Object.keys(series)).toEqual(options.names);
  expect(series.eval_loss?.step).toEqual([100, 120, 140, 160, 180, 200]);
  expect(series.loss?.step.length).toBeLessThanOrEqual(10);
  expect(downsampled).toBe('minmax');
});

it('shows and repeats deliveries', async () => {
  const { client } = await startService();
  await client.submit(REQUEST);
  expect(await client.deliveries('job-1')).toMatchObject({ job_id: 'job-1', outcome: 'none' });
  expect(await failureOf(client.replay('job-1'))).toMatchObject({
    status: 409,
    code: 'REPLAY_REFUSED',
  });
});

it('sends the token, or asks for it every time', async () => {
  const { service } = await startService({ TRAINER_API_TOKEN: 'right' });
  const withToken = (token: ConstructorParameters<typeof TrainerClient>[0]['token']) =>
    new TrainerClient({ baseUrl: service.url, ...(token !== undefined && { token }) }).get('none');
  expect((await failureOf(withToken(undefined))).status).toBe(401);
  expect((await failureOf(withToken('wrong'))).status).toBe(403);
  expect((await failureOf(withToken('right'))).status).toBe(404);
  expect((await failureOf(withToken(async () => 'right'))).status).toBe(404);
});

it('rejects with the problem', async () => {
  const { client } = await startService();
  const error = await failureOf(client.submit({ job_id: 'x' } as never));
  expect(error).toMatchObject({ code: 'INVALID_REQUEST', status: 400, isPassing: false });
  expect(error.message).toBe(error.problem?.detail);
  expect(error.errors.map(({ path }) => path)).toEqual(['base_model', 'datasets', 'artifacts']);
  expect(error.problem?.request_id).toMatch(/\S/);
  await client.submit(REQUEST);
  const other = makeRequest({ resources: { gpus: 8 } });
  expect(await failureOf(client.submit(other as never))).toMatchObject({ code: 'JOB_CONFLICT' });
});

it.each([
  ['a service that is overloaded', problem(503, 'OVERLOADED', { 'retry-after': '0' })],
  ['a rate limit', problem(429, 'RATE_LIMITED')],
  ['a proxy without a service', ((_, response) => response.writeHead(502).end('<html>')) as Step],
  ['a lost connection', reset],
])('tries again after %s', async (_, failure) => {
  const { client, requests } = await startScript(failure, failure, json(200, JOB));
  expect((await client.submit(REQUEST)).job.status).toBe('running');
  expect(requests).toHaveLength(3);
});

it.each([400, 401, 403, 404, 409, 413, 415, 500])('does not try again after %i', async (status) => {
  const { client, requests } = await startScript(problem(status, 'SOME_LATER_CODE'));
  const error = await failureOf(client.get('job-1'));
  expect(error).toMatchObject({ status, code: 'SOME_LATER_CODE', errors: [] });
  expect(requests).toHaveLength(1);
});

it('gives up after some tries, and at once when asked for more patience than a minute', async () => {
  const { client, requests } = await startScript(reset);
  expect(await failureOf(client.get('job-1'))).toMatchObject({ code: 'UNREACHABLE' });
  expect(requests).toHaveLength(5);
  const busy = await startScript(problem(503, 'OVERLOADED', { 'retry-after': '3600' }));
  expect(await failureOf(busy.client.get('job-1'))).toMatchObject({ retryAfterMs: 3_600_000 });
  expect(busy.requests).toHaveLength(1);
});

it('never repeats a replay', async () => {
  const { client, requests } = await startScript(reset);
  await failureOf(client.replay('job-1'));
  expect(requests).toHaveLength(1);
});

it('waits as long as Retry-After says', async () => {
  const { client } = await startScript(problem(503, 'X', { 'retry-after': '1' }), json(200, JOB));
  const beganAt = performance.now();
  await client.get('job-1');
  expect(performance.now() - beganAt).toBeGreaterThan(990);
});

it('times out', async () => {
  const { baseUrl } = await startScript(() => {});
  const client = new TrainerClient({ baseUrl, timeoutMs: 20, retries: 0 });
  expect(await failureOf(client.get('job-1'))).toMatchObject({ code: 'TIMEOUT', isPassing: true });
});

it('says that no header can carry a token, instead of trying for ever', async () => {
  const { baseUrl, requests } = await startScript(json(200, JOB));
  const client = new TrainerClient({ baseUrl, token: 's3cret…', ...FAST });
  const refusal = new TypeError('The token holds a character that no HTTP header can carry.');
  await expect(client.wait('job-1')).rejects.toThrow(refusal);
  await expect(client.logs('job-1', { follow: true }).next()).rejects.toThrow(refusal);
  await expect(client.follow().next()).rejects.toThrow(refusal);
  expect(requests).toEqual([]);
});

it('takes the token to no other host', async () => {
  const elsewhere = await startScript(json(200, JOB));
  const { baseUrl } = await startScript((_, response) =>
    response.writeHead(307, { location: `${elsewhere.baseUrl}/train/job-1` }).end(),
  );
  const client = new TrainerClient({ baseUrl, token: 'secret' });
  const error = await failureOf(client.get('job-1'));
  expect(error).toMatchObject({ code: 'UNEXPECTED_ANSWER', status: 307 });
  expect(elsewhere.requests).toEqual([]);
  expect(JSON.stringify(error) + error.message).not.toContain('secret');
});

it.each([
  ['no JSON', (_: unknown, response: ServerResponse) => response.end('<html>')],
  ['a list', json(200, [])],
  ['no job', json(200, { hello: 'world' })],
])('refuses an answer that is %s', async (_, step) => {
  const { client } = await startScript(step as Step);
  expect(await failureOf(client.get('job-1'))).toMatchObject({ code: 'UNEXPECTED_ANSWER' });
});

it('can be aborted anywhere with the reason of the signal', async () => {
  const reason = new Error('enough');
  const { client } = await startService({ TRAINER_MOCK_RUNNING_SECONDS: '3600' });
  await client.submit(REQUEST);
  const waiting = new AbortController();
  await expect(
    client.wait('job-1', {
      signal: waiting.signal,
      onProgress: ({ status }) => status === 'running' && waiting.abort(reason),
    }),
  ).rejects.toBe(reason);
  const hanging = new AbortController();
  const silent = await startScript(() => hanging.abort(reason));
  await expect(silent.client.get('job-1', hanging)).rejects.toBe(reason);
  const { client: unread, requests } = await startScript(json(200, JOB));
  await expect(unread.get('job-1', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect(requests).toEqual([]);
});

it('waits through an outage', async () => {
  const down = Array.from({ length: 12 }, (_, index) =>
    index % 2 === 0 ? reset : problem(503, 'CLUSTER_UNAVAILABLE'),
  );
  const { client } = await startScript(
    json(200, JOB),
    ...down,
    json(200, { ...JOB, status: 'failed' }),
  );
  expect((await client.wait('job-1')).status).toBe('failed');
});

it('stops waiting for a job that is gone', async () => {
  const { client } = await startScript(json(200, JOB), problem(404, 'JOB_NOT_FOUND'));
  expect(await failureOf(client.wait('job-1'))).toMatchObject({ code: 'JOB_NOT_FOUND' });
});

it('lets through statuses and fields that it does not know', async () => {
  const later = { ...JOB, status: 'paused', mood: 'fine', timestamps: { ended_at: null } };
  const ended = { ...later, status: 'evicted', timestamps: { ended_at: '2026-11-24T10:00:00Z' } };
  const { client } = await startScript(json(200, later), json(200, ended));
  const seen: Job[] = [];
  const end = await client.wait('job-1', { onProgress: (job) => seen.push(job) });
  expect(seen.map(({ status, mood }) => [status, mood])).toEqual([
    ['paused', 'fine'],
    ['evicted', 'fine'],
  ]);
  expect(isEnded(end)).toBe(true);
});

it('keeps the path of its base URL and escapes ids', async () => {
  const { baseUrl, requests } = await startScript(json(200, JOB));
  const client = new TrainerClient({ baseUrl: `${baseUrl}/meta/v1` });
  await client.get('a/b?c');
  expect(requests[0]?.url).toBe('/meta/v1/train/a%2Fb%3Fc');
  await expect(client.get('..')).rejects.toThrow(TypeError);
  await expect(client.logs('..', { follow: true }).next()).rejects.toThrow(TypeError);
  expect(() => new TrainerClient({ baseUrl: 'ftp://host' })).toThrow(TypeError);
  expect(() => new TrainerClient({ baseUrl: 'http://user:word@host' })).toThrow(TypeError);
});

it('forgets a job, with its callback when told to', async () => {
  const { requests, client } = await startScript((_request, response) => {
    response.writeHead(204).end();
  });
  expect(await client.forget('job-1')).toBeUndefined();
  await client.forget('job-1', { force: true });
  expect(requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
    'DELETE /train/job-1',
    'DELETE /train/job-1?force=true',
  ]);
});

it('runs a job again, and repeats that after a failure', async () => {
  const { requests, client } = await startScript(
    reset,
    json(200, { ...JOB, rerun_of: 'job-1' }, { 'idempotent-replayed': 'true' }),
  );
  const { job, isReplay } = await client.rerun('job-1', { job_id: 'job-1-r2', from: 'start' });
  expect(job.rerun_of).toBe('job-1');
  expect(isReplay).toBe(true);
  expect(requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
    'POST /train/job-1/rerun',
    'POST /train/job-1/rerun',
  ]);
});

it('changes where callbacks go', async () => {
  const settings = {
    job_id: 'job-1',
    webhook_url: null,
    has_auth_header: false,
    event_filter: null,
  };
  const { requests, client } = await startScript(json(200, settings));
  expect(await client.changeCallbacks('job-1', { webhook_url: null })).toEqual(settings);
  expect(requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
    'PATCH /train/job-1/callbacks',
  ]);
});

it('asks for deliveries by state and page, and never repeats a replay of many', async () => {
  const page = { data: [], has_more: false, next_cursor: null, counts: {} };
  const { requests, client } = await startScript(json(200, page), reset);
  await client.listDeliveries({ state: ['gone', 'expired'], limit: 5, cursor: 'a/b' });
  await expect(client.replayMany({ state: 'expired' })).rejects.toMatchObject({
    code: 'UNREACHABLE',
  });
  expect(requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
    'GET /deliveries?state=gone&state=expired&limit=5&cursor=a%2Fb',
    'POST /deliveries/replay',
  ]);
});

it('lists jobs by what they are, a page at a time', async () => {
  const page = { data: [], has_more: false, next_cursor: null, counts: {} };
  const { requests, client } = await startScript(...[1, 2, 3].map(() => json(200, page)));
  expect(await client.list()).toEqual(page);
  await client.list({
    ...{ status: ['running', 'failed'], reason: 'OUT_OF_MEMORY', limit: 5, cursor: 'a/b' },
    createdAfter: new Date('2026-11-26T10:00:00Z'),
  });
  await client.list({ model: 'org/m', method: 'lora', labels: { team: 'x', b: '1' } });
  expect(requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
    'GET /train',
    'GET /train?status=running&status=failed&reason=OUT_OF_MEMORY&created_after=2026-11-26T10%3A00%3A00.000Z&limit=5&cursor=a%2Fb',
    'GET /train?model=org%2Fm&method=lora&label%5Bteam%5D=x&label%5Bb%5D=1',
  ]);
});

it('reads a log, and goes on behind the last line where it breaks off', async () => {
  const line = (cursor: string, text: string) => `${JSON.stringify({ cursor, line: text })}\n`;
  const end = (reason: string) => `${JSON.stringify({ end: true, reason, archive: null })}\n`;
  const write =
    (...texts: string[]): Step =>
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      response.end(texts.join(''));
    };
  const { client, requests } = await startScript(
    reset,
    (_request, response) => {
      response.writeHead(200);
      response.write(`${line('n0.1', 'one')}\n{"cursor":`, () => response.destroy());
    },
    write(line('n0.2', 'two'), end('SERVICE_CLOSING')),
    problem(503, 'TOO_MANY_READERS', { 'retry-after': '0' }),
    write(line('n0.3', 'three'), end('JOB_ENDED')),
  );
  const seen: unknown[] = [];
  for await (const item of client.logs('job-1', { follow: true, tail: 5, node: 0 })) {
    seen.push(isLogEnd(item) ? item.reason : item.line);
  }
  expect(seen).toEqual(['one', 'two', 'three', 'JOB_ENDED']);
  expect(requests.map(({ url }) => url)).toEqual([
    '/train/job-1/logs?node=0&follow=true&tail=5',
    '/train/job-1/logs?node=0&follow=true&tail=5',
    '/train/job-1/logs?node=0&follow=true&since=n0.1',
    '/train/job-1/logs?node=0&follow=true&since=n0.2',
    '/train/job-1/logs?node=0&follow=true&since=n0.2',
  ]);
  expect(requests[0]?.headers.accept).toBe('application/x-ndjson, application/problem+json');
});

it('tells of a log that is not followed that it broke off or was refused', async () => {
  const read = async (...steps: Step[]) => {
    const { client } = await startScript(...steps);
    for await (const item of client.logs('job-1')) expect(item).toBeDefined();
  };
  const cut: Step = (_request, response) => void response.writeHead(200).end('');
  expect(await failureOf(read(cut))).toMatchObject({ code: 'UNREACHABLE' });
  expect(await failureOf(read(problem(404, 'JOB_NOT_FOUND')))).toMatchObject({ status: 404 });
});

const streamOf =
  (blocks: string[], { isCut = false } = {}): Step =>
  (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    response.write(`retry: 1000\n\n: still here\n\n${blocks.join('')}`, () => {
      if (isCut) response.destroy();
      else response.end();
    });
  };
const toEvent = (id: number) => ({ id, type: 'job.state', job_id: 'job-1' });
const toBlock = (id: number) => `event: job.state\ndata: ${JSON.stringify(toEvent(id))}\n\n`;

it('follows jobs, and goes on where it was however a stream ends', async () => {
  const { client, requests } = await startScript(
    streamOf([
      'event: stream.reset\ndata: {}\n\n',
      'event: stream.jobs\ndata: {"data":[]}\n\n',
      'id: x\n\n',
    ]),
    problem(503, 'OVERLOADED'),
    streamOf([toBlock(1), 'id: y\n\n', toBlock(2).slice(0, 20)], { isCut: true }),
    streamOf([toBlock(2), 'event: later.thing\ndata: {}\n\n', toBlock(3)]),
  );
  const told: unknown[] = [];
  for await (const followed of client.follow({ jobIds: ['a', 'b'], status: ['running'] })) {
    told.push(followed);
    if (told.length === 5) break;
  }
  expect(told).toEqual([
    { kind: 'reset' },
    { kind: 'jobs', jobs: [] },
    ...[1, 2, 3].map((id) => ({ kind: 'event', event: toEvent(id) })),
  ]);
  const filter = '/events?job_id=a&job_id=b&status=running';
  expect(requests.map(({ url }) => url)).toEqual(
    ['0', 'x', 'x', 'y'].map((cursor) => `${filter}&after=${cursor}`),
  );
  expect(requests[0]?.headers.accept).toMatch(/^text\/event-stream/);
});

it('follows nothing where that is refused, or where its caller leaves', async () => {
  const refused = await startScript(problem(403, 'FORBIDDEN'));
  const first = (client: TrainerClient, signal?: AbortSignal) =>
    client.follow({ fromNow: true, ...(signal && { signal }) }).next();
  expect((await failureOf(first(refused.client))).code).toBe('FORBIDDEN');
  expect(refused.requests[0]?.url).toBe('/events');
  const odd = await startScript(json(200, {}));
  expect((await failureOf(first(odd.client))).code).toBe('UNEXPECTED_ANSWER');
  const leaving = new AbortController();
  const silent = await startScript(() => leaving.abort(new Error('enough')));
  await expect(first(silent.client, leaving.signal)).rejects.toThrow('enough');
});
