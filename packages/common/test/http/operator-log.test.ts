import { expect, it, vi } from 'vitest';
import { FakeClock } from '../fake-clock.ts';
import { createKeptLog } from '../kept-log.ts';
import { startReportBed } from '../report-bed.ts';
import { makeRequest, startTestService } from '../start-test-service.ts';
import { startWebhookReceiver } from '../webhook-receiver.ts';

/** As long as the test may take, which has the deadline. */
const until = (check: () => void): Promise<void> =>
  vi.waitFor(check, { timeout: 60_000, interval: 5 });
const ENV = { TRAINER_API_TOKEN: 'one,two', TRAINER_TOKEN_NAMES: 'studio' };

/** A service whose log is at hand, one object a line. */
async function startLogged(env: Record<string, string> = {}) {
  const { lines, logger } = createKeptLog();
  const service = await startTestService({ env: { ...ENV, ...env }, logger });
  const find = (msg: string, jobId?: string) =>
    lines.filter((line) => line.msg === msg && (jobId === undefined || line.job_id === jobId));
  const untilOne = (msg: string, jobId: string) =>
    until(() => expect(find(msg, jobId)).toHaveLength(1));
  const ask = (method: string, path: string, token: string, body?: unknown) =>
    service.request(path, {
      ...{ method, headers: { 'x-trainer-token': token, 'x-request-id': `${method}-${token}` } },
      ...(body !== undefined && { body }),
    });
  return { service, find, untilOne, ask };
}

it('has one line for each thing that happens to a job, with who asked for it', async () => {
  const receiver = await startWebhookReceiver();
  const { service, find, untilOne, ask } = await startLogged();
  const callbacks = { webhook_url: `${receiver.url}?key=hidden`, auth_header: 'Bearer s3cret' };
  const { body } = await ask('POST', '/train', 'one', makeRequest({ job_id: 'ends', callbacks }));
  await untilOne('job ended', 'ends');
  await ask('POST', '/train', 'one', makeRequest({ job_id: 'ends', callbacks }));
  const job = { job_id: 'ends', backend_job_id: body.backend_job_id };
  const asked = { ...job, by: 'studio', request_id: 'POST-one' };
  expect(find('job accepted', 'ends')).toEqual([expect.objectContaining(asked)]);
  expect(find('job started', 'ends')).toEqual([
    expect.objectContaining({ ...job, started_at: expect.any(String) }),
  ]);
  expect(find('job ended', 'ends')).toEqual([
    expect.objectContaining({ ...job, status: 'succeeded', reason: 'COMPLETED' }),
  ]);
  await until(() =>
    expect(find('callback sent', 'ends')).toContainEqual(
      expect.objectContaining({
        ...job,
        event: 'final',
        origin: new URL(receiver.url).origin,
        status: 200,
      }),
    ),
  );
  await ask('DELETE', '/train/ends', 'two');
  expect(find('job forgotten', 'ends')).toEqual([
    expect.objectContaining({ ...job, by: 'token-2', request_id: 'DELETE-two', force: false }),
  ]);
  expect(JSON.stringify(find('callback sent'))).not.toMatch(/hidden|s3cret/);
  await service.close();
  await receiver.close();
});

it('tells who cancelled, once, and what was refused', async () => {
  const receiver = await startWebhookReceiver({ answers: 500 });
  const { service, find, untilOne, ask } = await startLogged({
    TRAINER_MOCK_RUNNING_SECONDS: '600',
  });
  const callbacks = { webhook_url: receiver.url };
  await ask('POST', '/train', 'one', makeRequest({ job_id: 'stopped', callbacks }));
  await ask('POST', '/train/stopped/cancel', 'two');
  await ask('POST', '/train/stopped/cancel', 'one');
  expect(find('job cancelled', 'stopped')).toEqual([expect.objectContaining({ by: 'token-2' })]);
  expect(find('job ended', 'stopped')).toEqual([]);
  await until(() =>
    expect(find('callback failed', 'stopped')).toContainEqual(
      expect.objectContaining({ event: 'final', status: 500 }),
    ),
  );
  await ask('PATCH', '/train/stopped/callbacks', 'one', { webhook_url: 'https://x.example.com' });
  await untilOne('callbacks changed', 'stopped');
  await ask('POST', '/train/stopped/deliveries/replay', 'one');
  await untilOne('callback replayed', 'stopped');
  await ask('POST', '/train', 'one', makeRequest({ job_id: 'refused', datasets: [] }));
  const refused = { job_id: 'refused', code: 'INVALID_REQUEST', request_id: 'POST-one' };
  expect(find('request refused', 'refused')).toEqual([expect.objectContaining(refused)]);
  expect(find('request answered', 'refused')).toEqual([expect.objectContaining({ status: 400 })]);
  expect(find('request answered', 'stopped').length).toBeGreaterThan(3);
  await service.close();
  await receiver.close();
});

it('tells who read what, and who was refused, by the names of their tokens', async () => {
  const { service, find, ask } = await startLogged({
    TRAINER_READ_TOKENS: 'see,look',
    TRAINER_READ_TOKEN_NAMES: 'dashboard',
    TRAINER_MOCK_SUBMITTED_SECONDS: '600',
  });
  const { body } = await ask('POST', '/train', 'one', makeRequest({ job_id: 'seen' }));
  const job = { job_id: 'seen', backend_job_id: body.backend_job_id };
  const answeredTo = (id: string) => find('request answered').filter((it) => it.request_id === id);
  const refusedTo = (id: string) => find('request refused').filter((it) => it.request_id === id);
  expect(answeredTo('POST-one')).toEqual([expect.objectContaining({ ...job, by: 'studio' })]);
  for (const [token, by] of [
    ['see', 'dashboard'],
    ['look', 'reader-2'],
    ['two', 'token-2'],
  ] as const) {
    await ask('GET', '/train/seen/logs', token);
    expect(answeredTo(`GET-${token}`)).toEqual([expect.objectContaining({ ...job, by })]);
  }
  await ask('DELETE', '/train/seen', 'two');
  expect(refusedTo('DELETE-two')).toEqual([
    expect.objectContaining({ ...job, by: 'token-2', code: 'JOB_NOT_ENDED' }),
  ]);
  await ask('DELETE', '/train/seen', 'look');
  expect(refusedTo('DELETE-look')).toEqual([
    expect.objectContaining({ ...job, by: 'reader-2', code: 'FORBIDDEN' }),
  ]);
  await ask('GET', '/train/unseen', 'two');
  expect(refusedTo('GET-two')).toEqual([
    expect.objectContaining({ job_id: 'unseen', by: 'token-2', code: 'JOB_NOT_FOUND' }),
  ]);
  await ask('GET', '/version', 'see');
  expect(answeredTo('GET-see').slice(1)).toEqual([expect.objectContaining({ by: 'dashboard' })]);
  // Who was not let in is nobody, and is told about no job.
  await ask('GET', '/train/seen', 'wrong');
  const [stranger] = refusedTo('GET-wrong');
  expect(stranger).toMatchObject({ job_id: 'seen', code: 'FORBIDDEN' });
  expect(stranger).not.toHaveProperty('by');
  expect(stranger).not.toHaveProperty('backend_job_id');
  await service.close();
});

it('has one line for a standstill of a training, and one for its end', async () => {
  const { lines, logger } = createKeptLog();
  const clock = new FakeClock();
  await using bed = await startReportBed({ clock, logger });
  const mock = { submitted_seconds: 0, outcome: 'never' };
  const { body } = await bed.service.post('/train', makeRequest({ extra_parameters: { mock } }));
  const report = async (attempt: number, step: number) => {
    await bed.report('job-1', { attempt, phase: 'training', step });
    await clock.advance(10_000);
  };
  const told = () => lines.filter(({ msg }) => String(msg).startsWith('training '));
  await clock.advance(20_000);
  await report(1, 1);
  expect(told()).toEqual([]);
  await clock.advance(10 * 60_000);
  // Another run, which knows of no standstill.
  await report(2, 1);
  await clock.advance(10 * 60_000);
  await report(2, 2);
  await report(3, 1);
  await clock.advance(10 * 60_000);
  await bed.service.post('/train/job-1/cancel');
  const job = { job_id: 'job-1', backend_job_id: body.backend_job_id };
  const stalled = { ...job, level: 'warn', msg: 'training stands still', owner: 'no reports' };
  const over = { ...job, level: 'info', msg: 'training goes on' };
  expect(told()).toEqual(
    [stalled, over, stalled, over, stalled].map((line) => expect.objectContaining(line)),
  );
});

it('names no job where an id is none', async () => {
  const { service, find, ask } = await startLogged();
  await ask('POST', '/train', 'one', makeRequest({ job_id: 'Bearer s3cret' }));
  expect(JSON.stringify(find('request refused'))).not.toContain('s3cret');
  expect(find('request answered')).toEqual([
    expect.not.objectContaining({ job_id: expect.anything() }),
  ]);
  await service.close();
});

it('says at the start what runs, where, and what is not as by default', async () => {
  const { service, find } = await startLogged({
    TRAINER_MAX_JOBS: '7',
    TRAINER_CALLBACK_RETRY_SECONDS: '100800',
    TRAINER_CALLBACK_SIGNING_SECRETS: `whsec_${'A'.repeat(32)}`,
  });
  const [line, ...more] = find('service started');
  expect(more).toEqual([]);
  expect(line).toMatchObject({
    version: expect.stringMatching(/^\d+\./),
    ...{ runner: 'mock', cluster: null, namespace: null, leader: true, url: service.url },
    settings: {
      ...{ TRAINER_MAX_JOBS: '7', TRAINER_API_TOKEN: '(set)', TRAINER_TOKEN_NAMES: 'studio' },
      TRAINER_CALLBACK_SIGNING_SECRETS: '(set)',
    },
  });
  expect(line?.settings).not.toHaveProperty('TRAINER_CALLBACK_RETRY_SECONDS');
  expect(line?.settings).not.toHaveProperty('HOST');
  expect(JSON.stringify(line)).not.toMatch(/one,two|whsec_|AAAA/);
  await service.close();
});

it('has one line for each reader who leaves, and counts those who read', async () => {
  const { service, find, ask } = await startLogged({ TRAINER_MOCK_SUBMITTED_SECONDS: '3600' });
  await ask('POST', '/train', 'one', makeRequest({ job_id: 'read' }));
  const reads = [
    ['/events', 'text/event-stream', 'jobs'],
    ['/train/read/events', 'text/event-stream', 'job'],
    ['/train/read/logs?follow=true', 'application/x-ndjson', 'logs'],
    ['/train/read?wait=50&after=1', 'application/json', 'poll'],
  ] as const;
  const countsOf = async () =>
    Object.fromEntries(
      [
        ...(await service.request('/metrics')).text.matchAll(
          /^trainer_open_streams\{kind="(\w+)".*\} (\d+)$/gm,
        ),
      ].map(([, kind, count]) => [kind, Number(count)]),
    );
  const NONE = { job: 0, jobs: 0, logs: 0, poll: 0 };
  for (const [path, accept, kind] of reads) {
    expect(await countsOf()).toEqual(NONE);
    const leaving = new AbortController();
    const answer = fetch(`${service.url}${path}`, {
      headers: { accept, 'x-trainer-token': 'two', 'x-request-id': `reads-${kind}` },
      signal: leaving.signal,
    }).catch(() => undefined);
    await vi.waitFor(async () => expect(await countsOf()).toEqual({ ...NONE, [kind]: 1 }));
    if (kind !== 'poll') await answer;
    leaving.abort();
    await until(() =>
      expect(find('reader left')).toHaveLength(1 + reads.findIndex(([, , k]) => k === kind)),
    );
    await vi.waitFor(async () => expect(await countsOf()).toEqual(NONE));
  }
  expect(find('reader left')).toEqual(
    reads.map(([, , kind]) =>
      expect.objectContaining({
        ...(kind !== 'jobs' && { job_id: 'read' }),
        request_id: `reads-${kind}`,
        status: kind === 'poll' ? 499 : 200,
        duration_ms: expect.any(Number),
      }),
    ),
  );
  const answered = find('request answered').filter(({ request_id: id }) =>
    String(id).startsWith('reads-'),
  );
  expect(answered).toEqual([]);
  await service.close();
});
