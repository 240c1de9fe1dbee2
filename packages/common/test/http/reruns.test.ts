import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogger } from '../../src/logger.ts';
import { inSecrets } from '../in-secrets.ts';
import { type ReportBed, startReportBed } from '../report-bed.ts';
import { makeRequest, type TestAnswer } from '../start-test-service.ts';

const HF_TOKEN = 'hf_CANARY_0123456789';
const AWS_KEY = 'aws_CANARY_0123456789';
const CREDENTIALS = {
  base_model: {
    provider: 'meta',
    model_name: 'meta-llama/Llama-2-7b',
    huggingface_token: HF_TOKEN,
  },
  datasets: [
    {
      source: 's3://bucket/data.jsonl',
      format: 'jsonl',
      auth: { aws_access_key_id: 'AKIA', aws_secret_access_key: AWS_KEY, aws_region: 'eu' },
    },
  ],
};
const NEVER = { extra_parameters: { mock: { submitted_seconds: 0, outcome: 'never' } } };
const HOOK = { callbacks: { webhook_url: 'https://studio.example/hook', auth_header: 'Bearer h' } };

const asOps = { 'x-trainer-token': 'of-ops' };
const env = {
  TRAINER_API_TOKEN: 'of-studio,of-ops',
  TRAINER_TOKEN_NAMES: 'studio,ops',
  TRAINER_READ_TOKENS: 'of-reader',
};

let bed: ReportBed;
let logged: string[];
let kind: 'memory' | 'secrets' = 'memory';

async function startBed() {
  logged = [];
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      logged.push(String(chunk));
      done();
    },
  });
  bed = await startReportBed({
    env,
    logger: createLogger('test', { logLevel: 'trace' }, stream),
    ...(kind === 'secrets' && {
      decorate: { platform: inSecrets, webhookClient: (client) => client },
    }),
  });
}

const post = (path: string, body?: unknown, headers = asOps) =>
  bed.service.post(path, body, headers);
const get = async (path: string) => (await bed.service.request(path, { headers: asOps })).body;
const rerun = (jobId: string, body: unknown) => post(`/train/${jobId}/rerun`, body);
const pathsOf = ({ body }: TestAnswer) => body.errors?.map(({ path }: { path: string }) => path);

async function submit(job_id: string, changes: object = {}): Promise<TestAnswer> {
  const answer = await post('/train', makeRequest({ job_id, ...changes }));
  expect(answer.status, answer.text).toBe(200);
  return answer;
}

/** Waits for news of a job instead of for a time. */
async function untilEnded(jobId: string): Promise<void> {
  for (let after = 0; ; ) {
    const { status, revision } = await get(`/train/${jobId}?wait=30&after=${after}`);
    if (['succeeded', 'failed', 'cancelled'].includes(status)) return;
    after = revision;
  }
}

async function submitEnded(jobId: string, changes: object = {}): Promise<void> {
  await submit(jobId, { ...NEVER, ...changes });
  await post(`/train/${jobId}/cancel`);
}

async function purge(jobId: string): Promise<void> {
  const record = bed.readRecord(jobId);
  const purged = await bed.platform.store.purgeCredentials(record);
  expect(purged?.areCredentialsGone).toBe(true);
}

async function readPayload(jobId: string) {
  const payload = await bed.platform.store.readPayload(bed.readRecord(jobId));
  if (payload === undefined) throw new Error(`there is no job ${jobId}`);
  return payload;
}

describe.each(['memory', 'secrets'] as const)('POST /train/{job_id}/rerun, records in %s', (of) => {
  beforeAll(() => {
    kind = of;
    return startBed();
  });
  afterAll(() => bed.service.close());

  it('makes a new job of an ended one, and leaves that as it is', async () => {
    await submit('whole', CREDENTIALS);
    await untilEnded('whole');
    const before = await get('/train/whole');
    const tuning_parameters = { num_epochs: 7, learning_rate: null };
    const answer = await rerun('whole', {
      job_id: 'whole-r2',
      from: 'start',
      changes: { tuning_parameters },
    });
    expect([answer.status, answer.headers.get('location')]).toEqual([200, '/train/whole-r2']);
    expect(answer.headers.get('idempotent-replayed')).toBeNull();
    expect(answer.body).toMatchObject({
      job_id: 'whole-r2',
      status: 'submitted',
      rerun_of: 'whole',
      reruns: [],
    });
    const { request, secrets } = await readPayload('whole-r2');
    expect(request?.body).toMatchObject({
      job_id: 'whole-r2',
      tuning_parameters: { num_epochs: 7 },
    });
    expect(secrets).toMatchObject({ HF_TOKEN, AWS_SECRET_ACCESS_KEY: AWS_KEY });
    await untilEnded('whole-r2');
    expect((await get('/train/whole-r2')).status).toBe('succeeded');
    const after = await get('/train/whole');
    expect(after).toEqual({ ...before, revision: before.revision + 1, reruns: ['whole-r2'] });
  });

  it('changes a field under whichever of its names, and keeps the credentials', async () => {
    await submitEnded('respelled', {
      ...CREDENTIALS,
      tuning_parameters: { num_train_epochs: 3, lr: 1e-4 },
      customization: { rank: 8, lora_alpha: 16 },
    });
    const changes = {
      tuning_parameters: { num_epochs: 5, learning_rate: null },
      customization: { lora: { rank: 4 } },
    };
    const again = { job_id: 'respelled-r2', from: 'start', changes };
    const answer = await rerun('respelled', again);
    expect(answer.status, answer.text).toBe(200);
    const { request, secrets } = await readPayload('respelled-r2');
    expect(request?.body).toMatchObject({ tuning_parameters: { num_epochs: 5 } });
    expect(request?.body.tuning_parameters).not.toHaveProperty('lr');
    expect(request?.body.customization).toEqual({ lora_alpha: 16, lora: { rank: 4 } });
    expect(secrets).toMatchObject({ HF_TOKEN });
    expect((await rerun('respelled', again)).headers.get('idempotent-replayed')).toBe('true');
    const both = { tuning_parameters: { num_epochs: 5, epochs: 6 } };
    const torn = await rerun('respelled', { ...again, job_id: 'torn', changes: both });
    expect([torn.status, pathsOf(torn)]).toEqual([400, ['changes.tuning_parameters.epochs']]);
    await post('/train/respelled-r2/cancel');
  });

  it('tells the family in answers, lists and both histories', async () => {
    await submitEnded('root');
    await rerun('root', { job_id: 'branch', from: 'start' });
    await post('/train/branch/cancel');
    await rerun('branch', { job_id: 'leaf', from: 'start' });
    await rerun('root', { job_id: 'branch-2', from: 'start', changes: { tuning_parameters: {} } });
    const family = async (id: string) => {
      const { rerun_of, reruns } = await get(`/train/${id}`);
      return [rerun_of, reruns];
    };
    expect(await family('root')).toEqual([null, ['branch', 'branch-2']]);
    expect(await family('branch')).toEqual(['root', ['leaf']]);
    expect(await family('leaf')).toEqual(['branch', []]);
    const { data } = await get('/train?rerun_of=root');
    expect(data.map((row: { job_id: string }) => row.job_id).sort()).toEqual([
      'branch',
      'branch-2',
    ]);
    const branch = data.find((row: { job_id: string }) => row.job_id === 'branch');
    expect(branch).toMatchObject({ rerun_of: 'root', reruns: ['leaf'] });
    const told = async (id: string) =>
      (await get(`/train/${id}/events`)).data.filter(
        (each: { type: string }) => each.type === 'job.rerun',
      );
    const actor = { type: 'token', name: 'ops' };
    expect(await told('branch')).toMatchObject([
      { data: { rerun_of: 'root', from: 'start' }, actor },
      { data: { job_id: 'leaf', from: 'start' }, actor },
    ]);
    expect(await told('root')).toMatchObject([
      { data: { job_id: 'branch', from: 'start' }, actor },
      { data: { job_id: 'branch-2', from: 'start' }, actor },
    ]);
    for (const id of ['leaf', 'branch-2']) await post(`/train/${id}/cancel`);
  });

  it('is a replay when it is sent again, also once the job before it is forgotten', async () => {
    await submitEnded('repeated', CREDENTIALS);
    const token = 'hf_fresh_CANARY_1';
    const body = (huggingface_token: string) => ({
      job_id: 'repeated-r2',
      from: 'start',
      changes: { base_model: { huggingface_token } },
    });
    const first = await rerun('repeated', body(token));
    expect(first.status, first.text).toBe(200);
    await purge('repeated');
    const again = await rerun('repeated', body('hf_fresh_CANARY_2'));
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
    expect(again.headers.get('location')).toBe('/train/repeated-r2');
    expect(again.body).toMatchObject({ job_id: 'repeated-r2', rerun_of: 'repeated' });
    expect(
      (await get('/train/repeated/events')).data.filter(
        ({ type }: { type: string }) => type === 'job.rerun',
      ),
    ).toHaveLength(1);
    await bed.service.request('/train/repeated', { method: 'DELETE', headers: asOps });
    const later = await rerun('repeated', body(token));
    expect([later.status, later.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
    await post('/train/repeated-r2/cancel');
  });

  it('is a conflict under the id of another request', async () => {
    await submitEnded('taken');
    await submitEnded('stranger');
    const body = { job_id: 'taken-r2', from: 'start' };
    await rerun('taken', body);
    const others = [
      await rerun('taken', { ...body, changes: { tuning_parameters: { num_epochs: 9 } } }),
      await rerun('taken', { ...body, changes: { tuning_parameters: null } }),
      await rerun('stranger', body),
      await rerun('taken', { ...body, job_id: 'stranger' }),
      await rerun('taken', { ...body, from: 'checkpoint' }),
      await rerun('unknown', body),
    ];
    const named = others.map(({ status, body: { code, detail, errors } }) => {
      expect([status, code]).toEqual([409, 'JOB_CONFLICT']);
      const paths = errors.map(({ path }: { path: string }) => path);
      expect(detail).toMatch(new RegExp(`; they differ in ${paths.join(', ')}\\.$`));
      return paths;
    });
    expect(named).toEqual([
      ['tuning_parameters.num_epochs'],
      ['changes'],
      ...[['rerun_of'], ['rerun_of'], ['from'], ['rerun_of']],
    ]);
    await post('/train/taken-r2/cancel');
  });

  it('of an unknown job is a 404, of one that goes on a 409 that says what to do', async () => {
    const body = { job_id: 'never-made', from: 'start' };
    expect((await rerun('unknown', body)).body.code).toBe('JOB_NOT_FOUND');
    await submit('going-on', NEVER);
    for (const from of ['start', 'checkpoint']) {
      const answer = await rerun('going-on', { ...body, from });
      expect([answer.status, answer.body.code]).toEqual([409, 'JOB_NOT_ENDED']);
      expect(answer.body.detail).toContain('POST /train/going-on/cancel');
    }
    await post('/train/going-on/cancel');
    expect((await get('/train?rerun_of=going-on')).data).toEqual([]);
  });

  it('needs a token that may write', async () => {
    await submitEnded('guarded');
    const body = { job_id: 'guarded-r2', from: 'start' };
    const by = async (headers: Record<string, string>) =>
      (await bed.service.post('/train/guarded/rerun', body, headers)).status;
    expect(await by({})).toBe(401);
    expect(await by({ 'x-trainer-token': 'of-reader' })).toBe(403);
    expect(await by({ 'x-trainer-token': 'wrong' })).toBe(403);
  });

  it('tells all that is wrong with a body at once', async () => {
    await submitEnded('wrong');
    const answer = await rerun('wrong', {
      job_id: 'a b',
      from: 'middle',
      form: 'start',
      changes: {
        job_id: 'other',
        resources: { gpus: -1 },
        extra_parameters: { resume_from: 'x' },
        datasets: [],
        callbacks: { webhook_url: 'ftp://x' },
      },
    });
    expect([answer.status, answer.body.code]).toEqual([400, 'INVALID_REQUEST']);
    expect(pathsOf(answer).toSorted()).toEqual([
      '',
      'changes.callbacks.webhook_url',
      'changes.datasets',
      'changes.extra_parameters.resume_from',
      'changes.job_id',
      'changes.resources.gpus',
      'from',
      'job_id',
    ]);
    for (const body of [undefined, [], 'x', {}, { job_id: 'n', from: 'start', changes: [] }]) {
      expect((await rerun('wrong', body)).status).toBe(400);
    }
    expect(pathsOf(await rerun('wrong', { job_id: 'wrong', from: 'start' }))).toEqual(['job_id']);
  });

  it('never takes callbacks over, and says so', async () => {
    await submitEnded('called', HOOK);
    const { body } = await rerun('called', { job_id: 'called-r2', from: 'start' });
    expect(body.metadata.warnings).toEqual([
      'This job sends no callbacks: those of job called are never taken over, and changes.callbacks sets none',
    ]);
    expect((await readPayload('called-r2')).callback).toBeUndefined();
    const own = { webhook_url: 'https://studio.example/other' };
    const given = await rerun('called', {
      job_id: 'called-r3',
      from: 'start',
      changes: { callbacks: own },
    });
    expect(given.body.metadata.warnings).toEqual([]);
    expect((await readPayload('called-r3')).callback).toEqual({ webhookUrl: own.webhook_url });
    for (const id of ['called-r2', 'called-r3']) await post(`/train/${id}/cancel`);
  });

  it.each([
    ['tuning', { tuning_parameters: { num_epochs: 4 } }],
    ['customization', { customization: { rank: 4, peft: { use: true } } }],
    ['resources', { resources: { gpus: 2, max_duration_minutes: 9 } }],
    [
      'the split of a dataset',
      { datasets: [{ source: 's3://bucket/data.jsonl', format: 'jsonl', split: 'test' }] },
    ],
    ['callbacks', HOOK],
    ['another token', { base_model: { huggingface_token: 'hf_other_CANARY' } }],
  ])('takes credentials over where %s is changed', async (name, changes) => {
    const id = `may-${name.replaceAll(' ', '-')}`;
    await submitEnded(id, { ...CREDENTIALS, ...NEVER });
    const answer = await rerun(id, { job_id: `${id}-r2`, from: 'start', changes });
    expect(answer.status, answer.text).toBe(200);
    const { secrets } = await readPayload(`${id}-r2`);
    const own = 'base_model' in changes ? changes.base_model.huggingface_token : HF_TOKEN;
    expect(secrets).toMatchObject({ HF_TOKEN: own, AWS_SECRET_ACCESS_KEY: AWS_KEY });
    await post(`/train/${id}-r2/cancel`);
  });

  it.each([
    ['artifacts', { artifacts: { output_uri: 's3://mine/x/' } }],
    ['a command', { extra_parameters: { trainer_command: ['cat', '/proc/self/environ'] } }],
    ['an image', { extra_parameters: { container_image: 'mine/x' } }],
    ['a credential of a command', { extra_parameters: { trainer_args: ['--api-key', 'x'] } }],
    ['a variable', { extra_parameters: { trainer_env: { API_KEY: 'x' } } }],
    ['an unknown extra', { extra_parameters: { anything: 1 } }],
    ['a model', { base_model: { model_name: 'mine/model' } }],
    ['an address of weights', { base_model: { weights_url: 'https://mine.example/w' } }],
    ['a config of peft', { customization: { peft: { config: { token: 'x' } } } }],
    ['another dataset', { datasets: [{ source: 's3://mine/data.jsonl' }] }],
    [
      'streaming',
      { datasets: [{ source: 's3://bucket/data.jsonl', format: 'jsonl', streaming: true }] },
    ],
    [
      'one dataset more',
      { datasets: [{ source: 's3://bucket/data.jsonl' }, { source: 's3://m/d.csv' }] },
    ],
    ['a field that nobody reads', { unknown: 1 }],
    ['both what may and what may not', { tuning_parameters: { num_epochs: 4 }, unknown: 1 }],
  ])('names what to give where %s is changed', async (name, changes) => {
    const id = `must-not-${name.replaceAll(' ', '-')}`;
    await submitEnded(id, { ...CREDENTIALS, ...NEVER });
    const answer = await rerun(id, { job_id: `${id}-r2`, from: 'start', changes });
    expect([answer.status, answer.body.code]).toEqual([400, 'INVALID_REQUEST']);
    expect(pathsOf(answer)).toContain('changes.base_model.huggingface_token');
    expect(answer.text).not.toContain('CANARY');
    expect((await bed.service.request(`/train/${id}-r2`, { headers: asOps })).status).toBe(404);
    // Whoever has the credentials may change anything.
    const { base_model, datasets } = CREDENTIALS;
    const whole = await rerun(id, {
      job_id: `${id}-r3`,
      from: 'start',
      changes: {
        datasets,
        ...changes,
        base_model: { ...base_model, ...('base_model' in changes && changes.base_model) },
      },
    });
    const isAuthLeftOut = 'datasets' in changes && name !== 'another dataset';
    expect(whole.status, whole.text).toBe(isAuthLeftOut ? 400 : 200);
    await post(`/train/${id}-r3/cancel`);
  });

  it('takes a mark for no value, whoever wrote it', async () => {
    await submitEnded('marked', CREDENTIALS);
    const changes = {
      base_model: { huggingface_token: '[redacted]' },
      extra_parameters: { trainer_args: ['--url', 'https://[redacted]@x/'] },
    };
    const answer = await rerun('marked', { job_id: 'marked-r2', from: 'start', changes });
    expect(answer.status).toBe(400);
    expect(pathsOf(answer)).toEqual(
      expect.arrayContaining([
        'changes.base_model.huggingface_token',
        'changes.extra_parameters.trainer_args[1]',
      ]),
    );
  });

  it('names what was deleted, and takes it from the changes', async () => {
    await submitEnded('purged', { ...CREDENTIALS, ...NEVER });
    await purge('purged');
    const body = { job_id: 'purged-r2', from: 'start' };
    const refused = await rerun('purged', body);
    expect([refused.status, refused.body.code]).toEqual([409, 'RERUN_REFUSED']);
    expect(pathsOf(refused)).toEqual([
      'changes.base_model.huggingface_token',
      'changes.datasets[0].auth.aws_access_key_id',
      'changes.datasets[0].auth.aws_secret_access_key',
    ]);
    const changes = { base_model: { huggingface_token: 'hf_new' }, datasets: CREDENTIALS.datasets };
    const answer = await rerun('purged', { ...body, changes });
    expect(answer.status, answer.text).toBe(200);
    const { secrets, request } = await readPayload('purged-r2');
    expect(secrets).toMatchObject({ HF_TOKEN: 'hf_new', AWS_SECRET_ACCESS_KEY: AWS_KEY });
    expect(JSON.stringify([secrets, request?.values])).not.toContain('redacted');
    await post('/train/purged-r2/cancel');
    await submitEnded('public');
    await purge('public');
    expect((await rerun('public', { job_id: 'public-r2', from: 'start' })).status).toBe(200);
    await post('/train/public-r2/cancel');
  });

  it('goes on from the last checkpoint, where there is one', async () => {
    await submit('saved', { ...CREDENTIALS, ...NEVER });
    const body = { job_id: 'saved-r2', from: 'checkpoint' };
    const uri = 's3://bucket/results/saved/checkpoints/checkpoint-20';
    const checkpoints = [{ step: 20, uri, time: 1_700_000_000 }];
    const report = {
      attempt: 1,
      phase: 'saving',
      step: 20,
      checkpoints,
      warnings: [],
      metrics: [],
    };
    await submitEnded('unsaved');
    const without = await rerun('unsaved', { ...body, job_id: 'unsaved-r2' });
    expect([without.status, without.body.code]).toEqual([409, 'RERUN_REFUSED']);
    expect(without.body.detail).toContain('no checkpoint');
    await bed.report('saved', report);
    await post('/train/saved/cancel?save=true');
    const early = await rerun('saved', body);
    expect([early.status, early.body.code]).toEqual([409, 'JOB_BEING_STOPPED']);
    expect(early.headers.get('retry-after')).toBe('2');
    await bed.platform.runner.stop(bed.readRecord('saved'));
    expect((await rerun('saved', body)).status).toBe(200);
    const resumed = async (id: string) => (await readPayload(id)).request?.body.extra_parameters;
    expect(await resumed('saved-r2')).toMatchObject({ resume_from: 'saved' });
    await post('/train/saved-r2/cancel');
    const again = await rerun('saved-r2', { job_id: 'saved-r3', from: 'start' });
    expect(again.status, again.text).toBe(200);
    expect(await resumed('saved-r3')).not.toHaveProperty('resume_from');
    const elsewhere = { artifacts: { output_uri: 's3://other/' }, ...CREDENTIALS };
    const moved = await rerun('saved', {
      job_id: 'saved-r4',
      from: 'checkpoint',
      changes: elsewhere,
    });
    expect(moved.status, moved.text).toBe(200);
    expect(await resumed('saved-r4')).toMatchObject({ resume_from: uri });
    const misfit = await rerun('saved', {
      job_id: 'saved-r5',
      from: 'checkpoint',
      changes: { customization: { rank: 99 } },
    });
    expect([misfit.status, pathsOf(misfit)]).toEqual([400, ['customization.rank']]);
    for (const id of ['saved-r3', 'saved-r4']) await post(`/train/${id}/cancel`);
  });

  it('of a job whose request is not kept says what to do', async () => {
    await submitEnded('large', { unknown: 'x'.repeat(100_000) });
    const answer = await rerun('large', { job_id: 'large-r2', from: 'start' });
    expect([answer.status, answer.body.code]).toEqual([409, 'RERUN_REFUSED']);
    expect(answer.body.detail).toContain('POST /train');
  });

  it('is no rerun of a later job that has the same id', async () => {
    await submitEnded('reborn');
    await rerun('reborn', { job_id: 'reborn-r2', from: 'start' });
    await bed.service.request('/train/reborn', { method: 'DELETE', headers: asOps });
    expect((await get('/train?rerun_of=reborn')).data).toHaveLength(1);
    const { created_at } = (await get('/train/reborn-r2')).timestamps;
    // Two jobs of one moment could not be told apart; asking takes longer than that.
    while (Date.now() <= Date.parse(created_at)) await get('/train/reborn-r2');
    await submit('reborn', NEVER);
    expect((await get('/train/reborn')).reruns).toEqual([]);
    expect((await get('/train/reborn-r2')).rerun_of).toBe('reborn');
    expect((await get('/train?rerun_of=reborn')).data).toEqual([]);
    for (const id of ['reborn', 'reborn-r2']) await post(`/train/${id}/cancel`);
  });

  it('tells nobody a credential, and has one line in the log', async () => {
    const text = logged.join('');
    expect(text).not.toContain('CANARY');
    const lines = logged.map((line) => JSON.parse(line));
    const accepted = lines.filter(
      ({ msg, job_id }) => msg === 'job accepted' && job_id === 'whole-r2',
    );
    expect(accepted).toMatchObject([{ rerun_of: 'whole', by: 'ops' }]);
    const { data } = await get('/train?limit=200');
    for (const { job_id } of data as { job_id: string }[]) {
      for (const path of ['', '/events']) {
        const { text } = await bed.service.request(`/train/${job_id}${path}`, { headers: asOps });
        expect(text).not.toContain('CANARY');
      }
    }
  });
});
