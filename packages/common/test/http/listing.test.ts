import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { makeRequest, startTestService, type TestService } from '../start-test-service.ts';
import { startWebhookReceiver } from '../webhook-receiver.ts';

const HOUR = { submitted_seconds: 3600 };
const SCRIPTS = [HOUR, { outcome: 'failed' }, HOUR, {}, HOUR, {}, HOUR];

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
  for (const [index, mock] of SCRIPTS.entries()) {
    await service.post(
      '/train',
      makeRequest({ job_id: `job-${index}`, extra_parameters: { mock } }),
    );
  }
  for (const index of [1, 3, 5]) {
    await service.getUntil(`job-${index}`, ({ status }) =>
      ['failed', 'succeeded'].includes(status),
    );
  }
});
afterAll(() => service.close());

const list = (query = '') => service.request(`/train${query}`);
const idsOf = ({ body }: { body: { data: { job_id: string }[] } }) =>
  body.data.map(({ job_id }) => job_id);

/** The ids of all pages. */
async function walk(query: string): Promise<string[][]> {
  const pages: string[][] = [];
  for (let cursor = ''; ; ) {
    const answer = await list(`${query}${cursor}`);
    pages.push(idsOf(answer));
    expect(answer.body.has_more).toBe(answer.body.next_cursor !== null);
    if (!answer.body.has_more) return pages;
    cursor = `&cursor=${answer.body.next_cursor}`;
  }
}

it('lists jobs newest first, with how many there are of each status', async () => {
  const { status, body } = await list();
  expect(status).toBe(200);
  const created = body.data.map(
    ({ timestamps }: { timestamps: { created_at: string } }) => timestamps.created_at,
  );
  expect(created).toEqual(created.toSorted().reverse());
  expect(body.data).toHaveLength(7);
  expect(body).toMatchObject({ has_more: false, next_cursor: null });
  expect(body.counts).toEqual({ submitted: 4, running: 0, succeeded: 2, failed: 1, cancelled: 0 });
  const { detail, metadata, ...job } = (await service.request('/train/job-1')).body;
  const row = body.data.find(({ job_id }: { job_id: string }) => job_id === 'job-1');
  const ofRequest = ['model', 'method', 'provider', 'gpus', 'labels', 'delivery'];
  for (const [name, value] of Object.entries(row)) {
    if (name !== 'detail' && !ofRequest.includes(name)) expect(job[name], name).toEqual(value);
  }
  expect(row).not.toHaveProperty('metadata');
});

it('every job is on exactly one page, and no page is short', async () => {
  const pages = await walk('?limit=3');
  expect(pages.map(({ length }) => length)).toEqual([3, 3, 1]);
  expect(pages.flat().toSorted()).toEqual(SCRIPTS.map((_, index) => `job-${index}`));
  const waiting = await walk('?limit=2&status=submitted');
  expect(waiting.map(({ length }) => length)).toEqual([2, 2]);
});

it('a job that comes meanwhile shifts no page', async () => {
  const first = await list('?limit=4');
  await service.post('/train', makeRequest({ job_id: 'later', extra_parameters: { mock: HOUR } }));
  const second = await list(`?limit=4&cursor=${first.body.next_cursor}`);
  expect([...idsOf(first), ...idsOf(second)].toSorted()).toEqual(
    SCRIPTS.map((_, index) => `job-${index}`),
  );
  await service.post('/train/later/cancel');
});

it('filters by several statuses at once, which leaves the counts as they are', async () => {
  const { body } = await list('?status=failed&status=succeeded');
  expect(idsOf({ body }).toSorted()).toEqual(['job-1', 'job-3', 'job-5']);
  expect(body.counts).toMatchObject({ submitted: 4, failed: 1 });
});

it('filters by reason, phase, name in the cluster and time', async () => {
  expect(idsOf(await list('?reason=TRAINING_FAILED'))).toEqual(['job-1']);
  expect(idsOf(await list('?phase=queued'))).toHaveLength(4);
  const { body } = await service.request('/train/job-2');
  expect(idsOf(await list(`?backend_job_id=${body.backend_job_id}`))).toEqual(['job-2']);
  const time = body.timestamps.created_at;
  const older = idsOf(await list(`?created_before=${time}`));
  const newer = idsOf(await list(`?created_after=${time}`));
  expect(older).not.toContain('job-2');
  expect(newer).not.toContain('job-2');
  expect((await list('?reason=TRAINING_FAILED')).body.counts).toMatchObject({
    submitted: 0,
    failed: 1,
  });
});

it('tells how far each job is, and what became of its final callback', async () => {
  const receiver = await startWebhookReceiver();
  onTestFinished(() => receiver.close());
  const callbacks = { webhook_url: receiver.url };
  const extra_parameters = { mock: HOUR };
  await service.post('/train', makeRequest({ job_id: 'told', callbacks, extra_parameters }));
  const rowOf = async (jobId: string) =>
    (await list()).body.data.find(({ job_id }: { job_id: string }) => job_id === jobId);
  expect(await rowOf('told')).toMatchObject({ revision: 1, delivery: null });
  await service.post('/train/told/cancel');
  await expect.poll(() => rowOf('told')).toMatchObject({ delivery: 'delivered' });
  const { revision } = (await service.request('/train/told')).body;
  expect(revision).toBeGreaterThan(1);
  expect(await rowOf('told')).toMatchObject({ revision });
  expect(await rowOf('job-1')).toMatchObject({ delivery: null });
  await service.request('/train/told', { method: 'DELETE' });
});

it('shows what was asked for, and filters by it', async () => {
  const base_model = { provider: 'mistral', model_name: 'org/small' };
  const labels = { team: 'x', 'example.com/stage': 'two' };
  await service.post(
    '/train',
    makeRequest({
      job_id: 'labelled',
      base_model,
      customization: { method: 'qlora' },
      resources: { gpus: 2 },
      extra_parameters: { mock: HOUR, job_labels: labels },
    }),
  );
  const { body } = await list('?model=org/small');
  expect(body.data).toMatchObject([
    {
      job_id: 'labelled',
      model: 'org/small',
      method: 'qlora',
      provider: 'mistral',
      gpus: 2,
      labels,
    },
  ]);
  expect(body.counts).toMatchObject({ submitted: 1, failed: 0 });
  for (const query of [
    '?method=qlora',
    '?provider=mistral',
    '?label[team]=x',
    '?label%5Bteam%5D=x&label[example.com/stage]=two',
  ]) {
    expect(idsOf(await list(query)), query).toEqual(['labelled']);
  }
  for (const query of ['?label[team]=y', '?label[team]=x&label[other]=z', '?model=org/sm']) {
    expect(idsOf(await list(query)), query).toEqual([]);
  }
  await service.post('/train/labelled/cancel');
});

it('a cursor leads on with the same labels alone, in whatever order', async () => {
  for (const name of ['one', 'two']) {
    const extra_parameters = { mock: HOUR, job_labels: { a: '1', b: '2' } };
    await service.post('/train', makeRequest({ job_id: `pair-${name}`, extra_parameters }));
  }
  const { body } = await list('?limit=1&label[a]=1&label[b]=2');
  const cursor = `&cursor=${body.next_cursor}`;
  const next = await list(`?limit=1&label[b]=2&label[a]=1${cursor}`);
  expect([...idsOf({ body }), ...idsOf(next)].toSorted()).toEqual(['pair-one', 'pair-two']);
  expect((await list(`?limit=1&label[a]=1${cursor}`)).status).toBe(400);
  expect((await list(`?limit=1&label[a]=2&label[b]=1${cursor}`)).status).toBe(400);
});

const NAMES =
  'status, reason, phase, backend_job_id, model, method, provider, label, rerun_of, created_after, created_before, limit, cursor';

it.each([
  ['?status=paused', 'status[0] must be one of submitted, running, succeeded, failed, cancelled.'],
  [
    '?stauts=running',
    `stauts is not known here, the nearest is status: the query may have ${NAMES}.`,
  ],
  [
    '?label[__proto__]=x',
    `label[__proto__] is not known here, the nearest is label: the query may have ${NAMES}.`,
  ],
  [
    '?phase=flying',
    'phase must be one of queued, downloading, training, evaluating, saving, uploading, stalled.',
  ],
  ['?label=x', 'label must name a label and its value, as label[team]=x.'],
  ['?limit=0', 'limit must be at least 1.'],
  ['?limit=201', 'limit must be at most 200.'],
  ['?created_after=yesterday', 'created_after must be a time such as 2026-11-26T09:00:00Z.'],
  ['?cursor=x', 'cursor must be the next_cursor of an answer to the same filters.'],
])('%s is a 400 that says what would be right', async (query, detail) => {
  const { status, body } = await list(query);
  expect([status, body.code, body.detail]).toEqual([400, 'INVALID_REQUEST', detail]);
});

it('tells all that is wrong with a query at once', async () => {
  const { body } = await list('?stauts=running&order=up&limit=0');
  expect(body.errors.map(({ path }: { path: string }) => path).toSorted()).toEqual([
    'limit',
    'order',
    'stauts',
  ]);
});

it('a cursor of other filters is a 400 that says so', async () => {
  const { body } = await list('?limit=1');
  const other = await list(`?limit=1&status=submitted&cursor=${body.next_cursor}`);
  expect([other.status, other.body.detail]).toEqual([
    400,
    'cursor must be the next_cursor of an answer to the same filters.',
  ]);
});

it('needs a token where one is set', async () => {
  await using closed = await startTestService({ env: { TRAINER_API_TOKEN: 't' } });
  expect((await closed.request('/train')).status).toBe(401);
});
