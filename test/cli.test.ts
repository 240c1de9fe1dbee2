import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { FakeClock, makeRequest, startReportBed, startTestService } from '@trainer/common/testing';
import { expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { runTrainer as run } from './run-trainer.ts';

const example = (name: string) =>
  fileURLToPath(new URL(`../services/${name}-api/example.json`, import.meta.url));

async function startService(env: Record<string, string> = {}) {
  const service = await startTestService({ env });
  onTestFinished(() => service.close());
  const submit = (changes: Record<string, unknown> = {}) =>
    service.post('/train', makeRequest(changes), { 'x-trainer-token': 'right' });
  return { env: { TRAINER_URL: service.url }, submit };
}

it('submits a file and follows the job to its end', async () => {
  const { env } = await startService();
  const submitted = await run(['submit', example('meta')], { env });
  expect(submitted).toMatchObject({ code: 0, stderr: '' });
  expect(submitted.stdout).toMatch(
    /^Job +meta-example-001\nStatus +submitted \(\w+\)\nDetail +Job/,
  );
  const waited = await run(['wait', 'meta-example-001'], { env });
  expect(waited.code).toBe(0);
  expect(waited.stdout).toMatch(/^Status +succeeded \(COMPLETED\)$/m);
});

it('reads YAML from standard input, waits at once and prints JSON', async () => {
  const { env } = await startService();
  const { datasets, artifacts, base_model } = makeRequest();
  const stdin = [
    'job_id: from-yaml # a comment',
    `base_model: ${JSON.stringify(base_model)}`,
    `datasets: ${JSON.stringify(datasets)}`,
    `artifacts: ${JSON.stringify(artifacts)}`,
  ].join('\n');
  const { code, stdout } = await run(['submit', '-', '--wait', '--json'], { env, stdin });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ job_id: 'from-yaml', status: 'succeeded' });
});

it('has a checkpoint saved before a job is ended', async () => {
  await using bed = await startReportBed();
  const mock = { submitted_seconds: 0, outcome: 'never' };
  await bed.service.post('/train', makeRequest({ extra_parameters: { mock } }));
  await bed.service.getUntil('job-1', ({ status }) => status === 'running');
  const env = { TRAINER_URL: bed.service.url };
  const { code, stdout } = await run(['cancel', 'job-1', '--save'], { env });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Status +cancelled/m);
  expect((await bed.report('job-1', { attempt: 1 })).body.orders).toEqual([
    { do: 'stop', save: true },
  ]);
});

it('prints the request of a job, and says what of it is withheld', async () => {
  const { env, submit } = await startService();
  const base_model = {
    ...{ provider: 'meta', model_name: 'meta-llama/Llama-2-7b' },
    huggingface_token: 'hf_0123456789',
  };
  await submit({ base_model, unknown: 'x'.repeat(97 * 1024) });
  const missing = await run(['request', 'job-1'], { env });
  expect([missing.code, missing.stdout]).toEqual([3, '']);
  expect(missing.stderr).toBe('The request of job-1 is not kept.\n');
  await submit({ job_id: 'job-2', base_model });
  const { code, stdout, stderr } = await run(['request', 'job-2'], { env });
  expect(code).toBe(0);
  const shown = { ...base_model, huggingface_token: '[redacted]' };
  expect(JSON.parse(stdout)).toMatchObject({ job_id: 'job-2', base_model: shown });
  expect(stderr).toMatch(/^Withheld, .*: base_model\.huggingface_token\n$/);
  const resolved = await run(['request', 'job-1', '--resolved'], { env });
  expect(JSON.parse(resolved.stdout)).toMatchObject({ tuning_parameters: { num_epochs: 3 } });
  expect([resolved.code, resolved.stderr]).toEqual([0, '']);
  const json = await run(['request', 'job-2', '--json'], { env });
  expect(JSON.parse(json.stdout)).toMatchObject({ job_id: 'job-2', credentials: 'kept' });
  const wrong = await run(['status', 'job-2', '--resolved'], { env });
  expect([wrong.code, wrong.stderr]).toEqual([
    2,
    '--resolved goes with request only: trainer --help tells more.\n',
  ]);
});

it('draws a metric over the steps, and prints the newest value of each', async () => {
  const { env, submit } = await startService();
  await submit({ extra_parameters: { mock: { submitted_seconds: 0, running_seconds: 0.01 } } });
  await run(['wait', 'job-1'], { env });
  const { code, stdout } = await run(['metrics', 'job-1'], { env });
  expect(code).toBe(0);
  const lines = stdout.split('\n');
  expect(lines[0]).toBe('loss, to step 200 of 200');
  expect(lines[1]).toMatch(/^ +2\.458 \|\*/);
  expect(lines[12]).toMatch(/^ +0\.4385 \| .*\*$/);
  expect(lines[14]).toMatch(/^ +1 +200$/);
  expect(lines.every(({ length }) => length <= 80)).toBe(true);
  expect(stdout).toMatch(/^loss +0\.4385\neval_loss +0\.4736\n/m);
  const other = await run(['metrics', 'job-1', 'grad_norm'], { env });
  expect(other.stdout).toMatch(/^grad_norm, to step/);
  for (const none of ['no', 'constructor']) {
    for (const json of [[], ['--json']]) {
      expect(await run(['metrics', 'job-1', none, ...json], { env })).toEqual({
        ...{ code: 3, stdout: '' },
        stderr: `There is no ${none}: what was measured is loss, eval_loss, learning_rate, grad_norm.\n`,
      });
    }
  }
  const json = await run(['metrics', 'job-1', 'loss', '--json'], { env });
  expect(Object.keys(JSON.parse(json.stdout).series)).toEqual(['loss']);
  await submit({ job_id: 'job-2', extra_parameters: { mock: { submitted_seconds: 1000 } } });
  expect(await run(['metrics', 'job-2'], { env })).toMatchObject({
    ...{ code: 0, stdout: 'Nothing was measured yet.\n' },
  });
  expect(await run(['metrics', 'job-2', 'loss'], { env })).toMatchObject({
    ...{ code: 3, stderr: 'There is no loss: what was measured is nothing yet.\n' },
  });
});

it('shows what happened to a job, and who had it done', async () => {
  const { env, submit } = await startService();
  await submit({ extra_parameters: { mock: { submitted_seconds: 1000 } } });
  await run(['cancel', 'job-1'], { env });
  const { code, stdout } = await run(['events', 'job-1'], { env });
  expect(code).toBe(0);
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(/ {2,}/));
  expect(rows.map((cells) => [cells[1], cells.at(-1)])).toEqual([
    ['WHAT', 'BY'],
    ['state', 'Job accepted for processing'],
    ['state', 'Job cancellation requested'],
  ]);
  const json = JSON.parse((await run(['events', 'job-1', '--json'], { env })).stdout);
  expect(json.data.map(({ id }: { id: number }) => id)).toEqual([1, 2]);
});

it('tells why a job is where it is, and what to do', async () => {
  const { env, submit } = await startService();
  await submit({ extra_parameters: { mock: { submitted_seconds: 1000 } } });
  const { code, stdout } = await run(['why', 'job-1'], { env });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^job-1: submitted, queued \(service\) for \d+ s\n {2}Job accepted/);
  await run(['cancel', 'job-1'], { env });
  const json = JSON.parse((await run(['why', 'job-1', '--json'], { env })).stdout);
  expect(json).toMatchObject({ status: 'cancelled', reason: 'CANCELLED_BY_REQUEST', phase: null });
  expect(json.phases).toEqual([
    { phase: 'queued', owner: 'service', seconds: expect.any(Number), is_current: false },
  ]);
});

it('prints what a job writes, follows it, and says where it is kept once it is gone', async () => {
  const { env, submit } = await startService();
  await submit();
  const followed = await run(['logs', '-f', 'job-1'], { env });
  expect(followed).toMatchObject({ code: 0, stderr: '' });
  expect(followed.stdout).toMatch(
    /^Training begins \(simulated\)\nstep 10 of 200: loss [\d.]+\n[\s\S]*\nTraining completed \(simulated\)\n$/,
  );
  const tail = await run(['logs', 'job-1', '--tail', '1', '--json'], { env });
  const [line, end] = tail.stdout
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text));
  expect(line.line).toBe('Training completed (simulated)');
  expect(end).toMatchObject({ end: true, reason: 'JOB_ENDED' });
  await submit({ job_id: 'job-2' });
  await run(['cancel', 'job-2'], { env });
  expect(await run(['logs', 'job-2'], { env })).toEqual({
    ...{ code: 3, stdout: '' },
    stderr:
      'The pods of the job are gone, and their log; all of it is kept at s3://bucket/logs/job-2.\n',
  });
  const wrong = await run(['logs', 'job-1', '--tail', 'all'], { env });
  expect(wrong).toMatchObject({ code: 2, stderr: '--tail must be a whole number.\n' });
  expect((await run(['list', '--tail', '1'], { env })).code).toBe(2);
});

it('draws a bar on a terminal, and prints lines elsewhere', async () => {
  const { env, submit } = await startService();
  await submit();
  const onTerminal = await run(['wait', 'job-1'], { env, isTTY: true });
  expect(onTerminal.code).toBe(0);
  await submit({ job_id: 'job-2' });
  const elsewhere = await run(['wait', 'job-2'], { env });
  expect(elsewhere.stderr).not.toContain('\u001b');
  for (const line of elsewhere.stderr.trim().split('\n').filter(Boolean)) {
    expect(line).toMatch(/^(submitted|running): /);
  }
});

it('shows and cancels a job, with the token', async () => {
  const { env, submit } = await startService({
    TRAINER_API_TOKEN: 'right',
    TRAINER_MOCK_RUNNING_SECONDS: '3600',
  });
  await submit();
  const withToken = { env: { ...env, TRAINER_API_TOKEN: 'right' } };
  expect(await run(['status', 'job-1'], { env })).toMatchObject({ code: 3, stdout: '' });
  expect((await run(['status', 'job-1'], withToken)).code).toBe(0);
  const cancelled = await run(['cancel', 'job-1', '--json'], withToken);
  expect(JSON.parse(cancelled.stdout)).toMatchObject({ status: 'cancelled' });
  expect((await run(['wait', 'job-1'], withToken)).code).toBe(1);
});

it('lists jobs, newest first, and counts them', async () => {
  const { env, submit } = await startService({ TRAINER_MOCK_RUNNING_SECONDS: '3600' });
  expect((await run(['list'], { env })).stdout).toMatch(/^0 submitted, 0 running, /);
  await submit();
  await submit({ job_id: 'another-job' });
  await run(['cancel', 'job-1'], { env });
  const listed = await run(['list', '--status', 'cancelled', '--status', 'failed'], { env });
  expect(listed.stdout).toMatch(
    /^JOB {4}STATUS {5}PHASE {2}REASON +PROGRESS {2}CREATED +MODEL +METHOD {2}GPUS\njob-1 {2}cancelled {9}\w+ {12}\d{4}-\S+Z {2}\S+ +lora +1\n.*, 1 cancelled/,
  );
  const first = await run(['list', '--limit', '1', '--json'], { env });
  expect(JSON.parse(first.stdout)).toMatchObject({
    has_more: true,
    data: [{ job_id: 'another-job' }],
  });
  const labelled = await submit({
    job_id: 'labelled',
    extra_parameters: { job_labels: { team: 'x' } },
  });
  expect(labelled.status).toBe(200);
  const ofTeam = ['list', '--json', '--label', 'team=x', '--method', 'lora'];
  const found = JSON.parse((await run(ofTeam, { env })).stdout);
  expect(found.data).toMatchObject([{ job_id: 'labelled', labels: { team: 'x' } }]);
  expect(await run(['list', '--label', 'team'], { env })).toMatchObject({
    code: 2,
    stderr: '--label must be KEY=VALUE.\n',
  });
  expect(await run(['list', '--status', 'done'], { env })).toMatchObject({ code: 3 });
  expect(await run(['list', '--limit', 'many'], { env })).toMatchObject({
    code: 2,
    stderr: '--limit must be a whole number, at least 1.\n',
  });
  expect(await run(['status', 'job-1', '--limit', '1'], { env })).toMatchObject({
    code: 2,
    stderr: '--limit goes with list and deliveries only: trainer --help tells more.\n',
  });
});

it('lists as many as are asked for, page by page', async () => {
  const { env, submit } = await startService({ TRAINER_MOCK_RUNNING_SECONDS: '3600' });
  const ids = Array.from({ length: 205 }, (_, index) => `job-${index}`);
  for (const job_id of ids) expect((await submit({ job_id })).status).toBe(200);
  const whole = JSON.parse((await run(['list', '--limit', '1000', '--json'], { env })).stdout);
  expect(whole).toMatchObject({ has_more: false, next_cursor: null });
  expect(whole.data.map(({ job_id }: { job_id: string }) => job_id)).toEqual(ids.toReversed());
  const most = JSON.parse((await run(['list', '--limit', '203', '--json'], { env })).stdout);
  expect(most).toMatchObject({ has_more: true, next_cursor: expect.any(String) });
  expect(most.data).toHaveLength(203);
  const text = (await run(['list', '--limit', '203'], { env })).stdout.split('\n');
  expect([text.length, text[204]]).toEqual([207, '…']);
});

it('shows that a training stands still, in list and watch, beside its progress', async () => {
  const clock = new FakeClock();
  await using bed = await startReportBed({ clock });
  const mock = { submitted_seconds: 0, outcome: 'never' };
  await bed.service.post('/train', makeRequest({ extra_parameters: { mock } }));
  await clock.advance(20_000);
  const report = { attempt: 1, phase: 'training', step: 3, percentage: 12 };
  expect((await bed.report('job-1', report)).status).toBe(200);
  await clock.advance(10 * 60_000);
  const env = { TRAINER_URL: bed.service.url };
  const row = /^job-1 {2}running {2}stalled {2}RUNNING {2}12%/m;
  expect((await run(['list', '--phase', 'stalled'], { env })).stdout).toMatch(row);
  expect((await run(['list', '--phase', 'training'], { env })).stdout).not.toContain('job-1');
  const narrow = (await run(['list'], { env, columns: 50 })).stdout.split('\n');
  expect(narrow[0]).toBe('JOB    STATUS   PHASE    REASON   PROGRESS');
  const leaving = new AbortController();
  const onOutput = () => leaving.abort();
  const { signal } = leaving;
  const watched = await run(['watch', 'job-1'], { env, signal, onOutput });
  expect(watched.stdout).toMatch(/^\S+Z {2}job-1 {2}running \(stalled\): /);
  const again = new AbortController();
  const told = await run(['watch', 'job-1'], {
    ...{ env, signal: again.signal },
    onOutput: (text) => {
      if (text.includes('(stalled)')) {
        void bed.report('job-1', { ...report, step: 4 }).then(() => clock.advance(5000));
      } else again.abort();
    },
  });
  expect(told.stdout).toMatch(/^\S+Z {2}job-1 {2}training: The training goes on$/m);
});

it('lists final callbacks and sends them again', async () => {
  const { env, submit } = await startService({ TRAINER_MOCK_RUNNING_SECONDS: '3600' });
  await submit({ callbacks: { webhook_url: 'http://127.0.0.1:1/hook' } });
  await submit({ job_id: 'job-2' });
  await run(['cancel', 'job-1'], { env });
  const listed = await run(['deliveries', '--state', 'pending'], { env });
  expect(listed.stdout).toMatch(
    /^JOB {4}STATE {4}ATTEMPTS {2}ANSWER {2}WEBHOOK +ENDED +ERROR.*\njob-1 {2}pending {2}\d +http:\/\/127\.0\.0\.1:1 {2}\S+Z .*\n1 pending, 0 del/,
  );
  const first = await run(['deliveries', '--limit', '1', '--json'], { env });
  expect(JSON.parse(first.stdout)).toMatchObject({ data: [{ job_id: 'job-1' }] });
  const replayed = await run(['replay', '--state', 'pending'], { env });
  expect(replayed).toMatchObject({ code: 0, stdout: 'job-1 will be sent again\n' });
  const refused = await run(['replay', 'job-2', '--json'], { env });
  expect(refused.code).toBe(3);
  expect(refused.stderr).toContain('names no webhook');
  expect(JSON.parse(refused.stdout)).toMatchObject({ replayed: [], has_more: false });
});

it('sends callbacks elsewhere, by a file', async () => {
  const { env, submit } = await startService({ TRAINER_MOCK_RUNNING_SECONDS: '3600' });
  await submit();
  const stdin = 'webhook_url: https://hooks.example.com/x\nauth_header: Bearer s3cret\n';
  const changed = await run(['callbacks', 'job-1', '-'], { env, stdin });
  expect(changed.stdout).toBe(
    'Job          job-1\nWebhook      https://hooks.example.com/x\nAuth header  sent\nEvents       all\n',
  );
  const removed = await run(['callbacks', 'job-1', '-', '--json'], {
    ...{ env, stdin: '{"webhook_url": null}' },
  });
  expect(JSON.parse(removed.stdout)).toMatchObject({ webhook_url: null });
});

it('runs a job again under the next id, with changes from a file', async () => {
  const { env, submit } = await startService({ TRAINER_MOCK_RUNNING_SECONDS: '3600' });
  await submit();
  const early = await run(['rerun', 'job-1'], { env });
  expect(early).toMatchObject({ code: 3, stdout: '' });
  expect(early.stderr).toContain('has not ended');
  await run(['cancel', 'job-1'], { env });
  const stdin = '{"tuning_parameters": {"num_epochs": 2}}';
  const again = await run(['rerun', 'job-1', '-', '--json'], { env, stdin });
  expect(again).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(again.stdout)).toMatchObject({ job_id: 'job-1-r2', rerun_of: 'job-1' });
  await run(['cancel', 'job-1-r2'], { env });
  const third = await run(['rerun', 'job-1-r2', '--json'], { env });
  expect(JSON.parse(third.stdout)).toMatchObject({ job_id: 'job-1-r3', rerun_of: 'job-1-r2' });
  const named = await run(['rerun', 'job-1', '--as', 'other', '--json'], { env });
  expect(JSON.parse(named.stdout)).toMatchObject({ job_id: 'other' });
  const family = await run(['list', '--rerun-of', 'job-1', '--json'], { env });
  const ids = JSON.parse(family.stdout).data.map(({ job_id }: { job_id: string }) => job_id);
  expect(ids.toSorted()).toEqual(['job-1-r2', 'other']);
  const listed = (await run(['list'], { env })).stdout;
  expect(listed).toMatch(/^JOB .* GPUS {2}RERUN$/m);
  expect(listed).toMatch(/^job-1 .* {2}2 times$/m);
  expect(listed).toMatch(/^job-1-r2 .* {2}of job-1, 1 time$/m);
  expect((await run(['status', 'job-1-r2'], { env })).stdout).toMatch(
    /^Rerun of +job-1\nReruns +job-1-r3$/m,
  );
  const none = await run(['rerun', 'job-1', '--as', 'job-9', '--from', 'checkpoint'], { env });
  expect(none.stderr).toContain('no checkpoint');
});

it('forgets a job that has ended', async () => {
  const { env, submit } = await startService({ TRAINER_MOCK_RUNNING_SECONDS: '3600' });
  await submit();
  const refused = await run(['forget', 'job-1'], { env });
  expect(refused).toMatchObject({ code: 3, stdout: '' });
  expect(refused.stderr).toContain('cancel it first');
  await run(['cancel', 'job-1'], { env });
  expect(await run(['forget', 'job-1', '--force'], { env })).toEqual({
    ...{ code: 0, stdout: '', stderr: '' },
  });
  expect((await run(['status', 'job-1'], { env })).code).toBe(3);
});

it('tells which release answers', async () => {
  const { env } = await startService({ TRAINER_API_TOKEN: 'right' });
  expect((await run(['version'], { env })).stdout).toMatch(
    /^Version +\d+\.\d+\.\d+\nAPI level +1\n$/,
  );
  const withToken = { env: { ...env, TRAINER_API_TOKEN: 'right' } };
  const { stdout } = await run(['version', '--json'], withToken);
  expect(JSON.parse(stdout)).toMatchObject({ api_level: 1, runner: 'mock', cluster: null });
});

it('tells all that is wrong with a request, and how to ask for help', async () => {
  const { env } = await startService();
  const { code, stderr } = await run(['submit', '-'], { env, stdin: '{"job_id":"x"}' });
  expect(code).toBe(3);
  expect(stderr).toMatch(/^base_model is required.*datasets is required.* \(request \S+\)\n$/);
});

it.each<[string, string[], string?]>([
  ['no command', []],
  ['an unknown command', ['destroy', 'job-1']],
  ['no id', ['status']],
  ['an id that no path can name', ['status', '..']],
  ['an empty id', ['logs', '-f', '']],
  ['an empty id among others', ['watch', 'a', '']],
  ['two ids', ['status', 'a', 'b']],
  ['nothing to replay', ['replay']],
  ['a state where it means nothing', ['status', 'a', '--state', 'gone']],
  ['no file of callbacks', ['callbacks', 'a']],
  ['force where it means nothing', ['cancel', 'a', '--force']],
  ['an id where none is needed', ['version', 'a']],
  ['save where it means nothing', ['forget', 'a', '--save']],
  ['a start that is none', ['rerun', 'a', '--from', 'middle']],
  ['two files of changes', ['rerun', 'a', 'b', 'c']],
  ['a new id where it means nothing', ['submit', 'a', '--as', 'b']],
  ['two metrics', ['metrics', 'a', 'loss', 'b']],
  ['an unknown option', ['status', 'a', '--force']],
  ['no time', ['wait', 'a', '--timeout', 'soon']],
  ['a file that is not there', ['submit', '/nowhere/request.json']],
  ['neither JSON nor YAML', ['submit', '-'], '{"token: "s3cret'],
  ['a scalar', ['submit', '-'], 'text'],
  ['an unknown backend', ['render', example('meta'), '--backend', 'other']],
])('refuses %s with exit code 2', async (_, args, stdin = '') => {
  const { code, stdout, stderr } = await run(args, {
    env: { TRAINER_URL: 'http://127.0.0.1:9' },
    stdin,
  });
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/\S/);
  expect(stderr).not.toContain('s3cret');
});

it.each([
  [['status', 'a', '--wait'], '--wait goes with submit and rerun only'],
  [['version', '--wait'], '--wait goes with submit and rerun only'],
  [['list', '--timeout', '3'], '--timeout goes with submit, rerun, wait and watch only'],
  [['list', '--timeout', ''], '--timeout goes with submit, rerun, wait and watch only'],
  [['plan', 'a', '--backend', 'meta'], '--backend goes with render only'],
  [['submit', 'a', '--timeout', '3'], 'With submit, --timeout needs --wait'],
  [['rerun', 'a', '--timeout', '3'], 'With rerun, --timeout needs --wait'],
])('says what an option belongs to that means nothing: %s', async (args, sentence) => {
  expect(await run(args)).toEqual({
    ...{ code: 2, stdout: '' },
    stderr: `${sentence}: trainer --help tells more.\n`,
  });
});

it('needs to be told where the service is', async () => {
  expect(await run(['status', 'job-1'])).toMatchObject({
    code: 2,
    stderr: 'Set TRAINER_URL to where the service is, such as http://localhost:8082.\n',
  });
  expect((await run(['--help'])).stdout).toContain('TRAINER_URL');
  expect((await run(['help', 'submit'])).stdout).toContain('TRAINER_URL');
  const env = { TRAINER_URL: 'http://user:s3cret@localhost:8082' };
  expect(await run(['status', 'job-1'], { env })).toMatchObject({
    code: 2,
    stderr: 'TRAINER_URL must hold no user name or password; see TRAINER_API_TOKEN.\n',
  });
  // As an example that was copied has it.
  const copied = { TRAINER_URL: 'http://localhost:8082', TRAINER_API_TOKEN: '…' };
  expect(await run(['status', 'job-1'], { env: copied })).toMatchObject({
    code: 2,
    stderr: 'TRAINER_API_TOKEN holds a character that no HTTP header can carry.\n',
  });
});

it('says what a command needs, and which commands there are', async () => {
  expect((await run(['submit'])).stderr).toMatch(/^submit needs a file:/);
  expect((await run(['status'])).stderr).toMatch(/^status needs an id:/);
  expect((await run(['destroy'])).stderr).toMatch(/^There is no command 'destroy':/);
});

it('ends with --timeout and when it is interrupted, while the job goes on', async () => {
  const { env, submit } = await startService({ TRAINER_MOCK_RUNNING_SECONDS: '3600' });
  await submit();
  expect((await run(['wait', 'job-1', '--timeout', '0.05'], { env })).code).toBe(5);
  const signal = AbortSignal.timeout(50);
  expect((await run(['wait', 'job-1'], { env, signal })).code).toBe(130);
  expect((await run(['status', 'job-1'], { env })).code).toBe(0);
});

it('takes any fraction of a second for --timeout, and the longest there is', async () => {
  const { env, submit } = await startService();
  await submit();
  for (const timeout of ['16.1', '2147483.647']) {
    expect((await run(['wait', 'job-1', '--timeout', timeout], { env })).code).toBe(0);
  }
  expect(await run(['wait', 'job-1', '--timeout', '2147483.648'], { env })).toEqual({
    ...{ code: 2, stdout: '' },
    stderr: '--timeout must be a number of seconds, more than 0 and at most 2147483.647.\n',
  });
});

it('submits nothing with a --timeout that is none', async () => {
  const { env } = await startService();
  const id = 'job-1';
  const stdin = JSON.stringify(makeRequest());
  const wrong = ['--wait', '--timeout', 'abc'];
  expect((await run(['submit', '-', ...wrong], { env, stdin })).code).toBe(2);
  expect((await run(['status', id], { env })).code).toBe(3);
  expect((await run(['submit', '-', '--wait'], { env, stdin })).code).toBe(0);
  expect((await run(['rerun', id, '--as', 'again', ...wrong], { env })).code).toBe(2);
  expect((await run(['status', 'again'], { env })).code).toBe(3);
});

it('renders a TrainJob without any service', async () => {
  const rendered = await run(['render', example('meta')], {
    env: { TRAINER_JOBS_NAMESPACE: 'my-jobs', PORT: 'nonsense' },
  });
  expect(rendered).toMatchObject({
    code: 0,
    stderr:
      'Warning: resources.gpu_type is not mapped by TRAINER_GPU_TYPES, so the job may run on any node with GPUs.\n',
  });
  expect(parse(rendered.stdout)).toMatchObject({
    kind: 'TrainJob',
    metadata: { namespace: 'my-jobs', labels: { 'trainer.deepfinery/backend': 'meta' } },
    spec: { runtimeRef: { name: 'meta-runtime' }, trainer: { numNodes: 2 } },
  });
});

it('renders as a service would, which keeps credentials in a Secret', async () => {
  const base_model = { provider: 'meta', model_name: 'm', huggingface_token: 'hf_s3cret' };
  const stdin = JSON.stringify(makeRequest({ base_model, resources: { gpus: 2 } }));
  const { code, stdout, stderr } = await run(['render', '-', '--json'], { stdin });
  expect(code).toBe(0);
  expect(stderr).toMatch(/^It refers to these keys of the Secret \S+: HF_TOKEN\.\n$/);
  expect(stdout + stderr).not.toContain('s3cret');
  const { metadata } = JSON.parse(stdout);
  const { env } = await startService();
  const served = await run(['submit', '-', '--json'], { env, stdin });
  const { train_job } = JSON.parse(served.stdout).metadata.job_spec;
  expect(Object.keys(train_job.metadata)).toEqual(Object.keys(metadata));
});

it('says why a request cannot be rendered', async () => {
  const { code, stderr } = await run(['render', example('nemo'), '--backend', 'hf-unsloth']);
  expect(code).toBe(3);
  expect(stderr).toMatch(/^hf-unsloth refuses this: base_model.provider must be one of/);
  const broken = await run(['render', example('meta')], { env: { TRAINER_S3_POLICY: 'maybe' } });
  expect(broken).toMatchObject({ code: 2 });
  expect(broken.stderr).toContain('TRAINER_S3_POLICY');
});

it('prints nothing that a terminal would obey', async () => {
  const { env } = await startService();
  const { stderr } = await run(['status', 'a\u001b[2J'], { env });
  expect(stderr).not.toContain('\u001b');
});

it('is a program', async () => {
  expect(await runProgram()).toEqual({
    code: 4,
    stderr: 'http://127.0.0.1:1 cannot be reached.\n',
  });
});

it('ends with the same code where nobody reads what is wrong', async () => {
  expect((await runProgram((child) => child.stderr.destroy())).code).toBe(4);
});

it.skipIf(!existsSync('/dev/full')).each([
  ['a full device', '/dev/full', 'ENOSPC'],
  // What still fits is written without an error.
  ['a file that has no room for all of it', '"$OUT"', 'EFBIG'],
])('does not end with 0 where its output goes to %s', async (_, target, reason) => {
  const folder = await mkdtemp(join(tmpdir(), 'cli-output-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const script = `trap '' XFSZ; ulimit -f 1; exec "$NODE" "$MAIN" --help > ${target}`;
  const child = spawn('/bin/sh', ['-c', script], {
    env: { NODE: process.execPath, MAIN: await findMain(), OUT: join(folder, 'out') },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  expect({ code, stderr }).toEqual({
    ...{ code: 6, stderr: `Standard output cannot be written (${reason}).\n` },
  });
});

it('ends quietly where its reader has read enough', async () => {
  const script = '{ "$NODE" "$MAIN" --help; echo $? >&2; } | :';
  const child = spawn('/bin/sh', ['-c', script], {
    env: { NODE: process.execPath, MAIN: await findMain() },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  expect(await text(child.stderr)).toBe('0\n');
});

async function findMain(): Promise<string> {
  const { bin } = JSON.parse(
    await readFile(new URL('../packages/cli/package.json', import.meta.url), 'utf8'),
  );
  return fileURLToPath(new URL(bin.trainer, new URL('../packages/cli/', import.meta.url)));
}

async function runProgram(spawned = (_: ChildProcessByStdio<null, Readable, Readable>) => {}) {
  const main = await findMain();
  const child = spawn(process.execPath, [main, 'status', 'x'], {
    env: { ...process.env, TRAINER_URL: 'http://127.0.0.1:1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  spawned(child);
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const code = await new Promise((resolve) => child.once('exit', resolve));
  return { code, stderr };
}

/** Stands in for a Python: notes its arguments and standard input, then does as it is told. */
async function makePython(ending: string): Promise<{ python: string; folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'cli-check-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const python = join(folder, 'python');
  const script = `#!/bin/sh\necho "$@" > ${folder}/args\ncat > ${folder}/stdin\n${ending}\n`;
  await writeFile(python, script, { mode: 0o755 });
  return { python, folder };
}

it.each([
  ['the data can be trained on', 0, 0],
  ['the request cannot be read', 2, 3],
  ['rows are wrong', 3, 3],
  ['the tokenizer is of another form', 4, 3],
  ['the storage is away', 5, 4],
])('checks data: %s', async (_, status, code) => {
  const { python, folder } = await makePython(`echo found; exit ${status}`);
  const checked = await run(['check', example('meta')], { env: { TRAINER_LOCAL_PYTHON: python } });
  expect(checked).toEqual({ code, stdout: 'found\n', stderr: '' });
  expect(await readFile(join(folder, 'args'), 'utf8')).toBe('-P -m trainer_runtime.check -\n');
  const sent = JSON.parse(await readFile(join(folder, 'stdin'), 'utf8'));
  expect(sent).toEqual(JSON.parse(await readFile(example('meta'), 'utf8')));
});

it('checks data for a program, and leaves out what a terminal would obey', async () => {
  const { python, folder } = await makePython('printf \'{"valid":true}\\033[2J\\n\'');
  const { code, stdout } = await run(['check', example('meta'), '--json'], {
    env: { TRAINER_LOCAL_PYTHON: python },
  });
  expect(await readFile(join(folder, 'args'), 'utf8')).toContain('trainer_runtime.check - --json');
  expect({ code, stdout }).toEqual({ code: 0, stdout: '{"valid":true}�[2J\n' });
});

it('says why data could not be checked', async () => {
  const { python } = await makePython('echo no module named obstore >&2; exit 1');
  const failed = await run(['check', example('meta')], { env: { TRAINER_LOCAL_PYTHON: python } });
  expect(failed.code).toBe(4);
  expect(failed.stderr).toMatch(/^no module named obstore\nThe check itself failed: does .* have/);
  const absent = await run(['check', example('meta')], {
    env: { TRAINER_LOCAL_PYTHON: '/nowhere' },
  });
  expect(absent).toMatchObject({
    code: 2,
    stderr: 'The Python /nowhere cannot be started (ENOENT).\n',
  });
});

it('checks data with the environment that the local runner made, and says how to get one', async () => {
  const { folder, python } = await makePython('exit 0');
  const env = { TRAINER_LOCAL_STATE_DIR: folder, HOME: folder };
  const without = await run(['check', example('meta')], { env });
  expect(without).toMatchObject({ code: 2, stdout: '' });
  expect(without.stderr).toContain('`npm start -- --runner local` makes it');
  const made = join(folder, 'state', 'python', 'bin');
  await mkdir(made, { recursive: true });
  await writeFile(join(made, 'python'), await readFile(python), { mode: 0o755 });
  await writeFile(join(made, '..', 'made-of'), 'x');
  const found = await run(['check', example('meta')], {
    env: { ...env, TRAINER_LOCAL_STATE_DIR: join(folder, 'state') },
  });
  expect(found.code).toBe(0);
});

it('tells what would become of a request, and creates nothing', async () => {
  const { env } = await startService();
  const planned = await run(['plan', example('meta')], { env });
  expect(planned).toMatchObject({ code: 0, stderr: '' });
  expect(planned.stdout).toMatch(/^Valid +yes$/m);
  expect((await run(['status', 'meta-example-001'], { env })).code).toBe(3);
  const refused = await run(['plan', '-', '--json'], { env, stdin: '{}' });
  expect(refused.code).toBe(3);
  expect(JSON.parse(refused.stdout)).toMatchObject({ valid: false });
});

it('watches several jobs until all have ended, and says whether all succeeded', async () => {
  const { env, submit } = await startService();
  await submit({ job_id: 'good' });
  await submit({ job_id: 'other', extra_parameters: { mock: { submitted_seconds: 0.1 } } });
  const good = await run(['watch', 'good', 'other'], { env });
  expect(good).toMatchObject({ code: 0, stderr: '' });
  expect(good.stdout).toMatch(/^\S+Z {2}good {2}succeeded: /m);
  expect(good.stdout).toMatch(/^\S+Z {2}other {2}succeeded: /m);
  await submit({ job_id: 'bad', extra_parameters: { mock: { outcome: 'never' } } });
  const { code, stdout } = await run(['watch', 'good', 'bad', '--json'], {
    env,
    // Not before it is watched.
    onOutput: (text) => {
      if (text.includes('"job.snapshot"') && text.includes('"bad"'))
        void run(['cancel', 'bad'], { env });
    },
  });
  expect(code).toBe(1);
  const [first, ...further] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(first).toMatchObject({ type: 'stream.reset', job_id: null });
  for (const event of [first, ...further])
    expect(Object.keys(event)).toEqual(expect.arrayContaining(SHAPE));
  expect(further.slice(0, 2).map(({ type, job_id }) => [type, job_id])).toEqual([
    ['job.snapshot', 'good'],
    ['job.snapshot', 'bad'],
  ]);
  expect(further[0]).toMatchObject({
    message: 'Training completed (simulated)',
    data: { job_id: 'good', status: 'succeeded', model: 'meta-llama/Llama-2-7b' },
  });
  expect(further.at(-1)).toMatchObject({
    ...{ id: expect.any(Number), job_id: 'bad', type: 'job.state' },
    data: { status: 'cancelled' },
  });
});

/** Of every event; a stored one has an `id` too. */
const SHAPE = ['type', 'job_id', 'time', 'attempt', 'level', 'message', 'data', 'actor'];

it('watches jobs of a status no longer than they live', async () => {
  const { env, submit } = await startService();
  await submit({ job_id: 'ended' });
  expect((await run(['wait', 'ended'], { env })).code).toBe(0);
  const { code, stdout } = await run(['watch', 'ended', '--status', 'running'], { env });
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
});

it.each([
  ['running', 'submitted'],
  ['submitted', 'running'],
])('watches named jobs to their end where only %s is printed', async (shown, other) => {
  const { env, submit } = await startService();
  const mocks: Readonly<Record<string, object>> = {
    submitted: { submitted_seconds: 3600 },
    running: { submitted_seconds: 0, outcome: 'never' },
  };
  for (const job_id of [other, shown])
    await submit({ job_id, extra_parameters: { mock: mocks[job_id] } });
  const reached = await run(['watch', 'running', '--json'], {
    ...endOn((text) => text.includes('"status":"running"')),
    env,
  });
  expect(reached.stdout).toContain('"status":"running"');
  const args = ['watch', other, shown, '--status', shown, '--timeout', '20'];
  let cancelling: Promise<unknown> | undefined;
  const { code, stdout } = await run(args, {
    env,
    // Both are watched by then.
    onOutput: () => {
      cancelling ??= run(['cancel', other], { env }).then(() => run(['cancel', shown], { env }));
    },
  });
  await cancelling;
  const lines = stdout.trim().split('\n');
  expect({ code, jobs: [...new Set(lines.map((line) => line.split(/ {2}/)[1]))] }).toEqual({
    ...{ code: 1, jobs: [shown] },
  });
  expect(lines.at(-1)).toMatch(/ {2}cancelled: /);
});

/** Interrupts once that is printed. */
function endOn(isEnough: (text: string) => boolean) {
  const leaving = new AbortController();
  const onOutput = (text: string) => isEnough(text) && leaving.abort();
  return { signal: leaving.signal, onOutput };
}

it('ends with 5 where the time is over while the service answers no longer', async () => {
  let asked = 0;
  const env = await serve(({ url }, response) => {
    if (url?.startsWith('/events')) {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('event: stream.reset\ndata: {}\n\n');
      return;
    }
    asked += 1;
    const type = 'application/json';
    if (asked === 1) response.writeHead(200, { 'content-type': type });
    // So long that the client leaves the wait to its caller.
    else response.writeHead(503, { 'content-type': type, 'retry-after': '61' });
    const problem = { code: 'BACKEND_UNAVAILABLE', detail: 'Not now' };
    response.end(JSON.stringify(asked === 1 ? { job_id: 'a', status: 'running' } : problem));
  });
  expect(await run(['watch', 'a', '--timeout', '0.5'], { env })).toEqual({
    ...{ code: 5, stdout: '', stderr: 'The time is over; the job goes on.\n' },
  });
  expect(asked).toBe(2);
});

it.each([[], ['--json']])(
  'prints no line that the text of a job makes up: watch %s',
  async (...options) => {
    const job = { job_id: 'a', status: 'failed', timestamps: {} };
    const detail = 'no\n2026  b  succeeded: \u009b2Jyes';
    const env = await serve(({ url }, response) => {
      if (!url?.startsWith('/events')) {
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(job));
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const data = JSON.stringify({ data: [{ ...job, detail }] });
      response.write(`event: stream.jobs\ndata: ${data}\n\n`);
    });
    const { code, stdout } = await run(['watch', 'a', ...options], { env });
    expect(code).toBe(1);
    const shown = options.length === 0 ? 'no 2026  b  succeeded: �2Jyes' : '\\u009b2Jyes';
    expect(stdout).toContain(shown);
    expect(stdout.replace(/\n$/, '')).not.toMatch(/\p{Cc}/u);
  },
);

/** Stands in for a service. */
async function serve(answer: RequestListener): Promise<{ TRAINER_URL: string }> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  return { TRAINER_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

it('waits for no job that another service does not know', async () => {
  const first = await startTestService();
  const mock = { submitted_seconds: 3600 };
  await first.post('/train', makeRequest({ extra_parameters: { mock } }));
  let second: Promise<{ close(): Promise<void> }> | undefined;
  onTestFinished(async () => (await second)?.close());
  const { code, stdout } = await run(['watch', 'job-1'], {
    env: { TRAINER_URL: first.url },
    onOutput: () => {
      second ??= first.close().then(() => startTestService({ env: { PORT: String(first.port) } }));
    },
  });
  expect(code).toBe(1);
  expect(stdout).toMatch(/^\S+Z {2}job-1 {2}gone: The record of the job is gone\n$/m);
});

it('watches no job that is not there, and no longer than it is to', async () => {
  const { env, submit } = await startService();
  expect((await run(['watch', 'unknown'], { env })).code).toBe(3);
  await submit({ extra_parameters: { mock: { submitted_seconds: 3600 } } });
  expect((await run(['watch', 'job-1', '--status', 'odd'], { env })).code).toBe(3);
  expect((await run(['watch', 'job-1', '--timeout', '0.2'], { env })).code).toBe(5);
  const leaving = new AbortController();
  const watching = run(['watch'], { env, signal: leaving.signal });
  leaving.abort();
  expect((await watching).code).toBe(130);
});
