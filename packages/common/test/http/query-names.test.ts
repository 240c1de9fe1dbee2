import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeRequest, startTestService, type TestService } from '../start-test-service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
  await service.post('/train', makeRequest({ job_id: 'here' }));
});
afterAll(() => service.close());

/** Their clients were there before any route refused a name. */
const ALL_NAMES_ALLOWED = [
  'GET /healthz',
  'GET /metrics',
  'GET /readyz',
  'GET /train/{job_id}',
  'GET /train/{job_id}/deliveries',
  'POST /train',
  'POST /train/{job_id}/cancel',
  'POST /train/{job_id}/deliveries/replay',
];

const STRICT = [
  'DELETE /train/{job_id}',
  'GET /deliveries',
  'GET /events',
  'GET /train',
  'GET /train/{job_id}/events',
  'GET /train/{job_id}/logs',
  'GET /train/{job_id}/metrics',
  'GET /train/{job_id}/request',
  'GET /version',
  'PATCH /train/{job_id}/callbacks',
  'POST /deliveries/replay',
  'POST /plans',
  'POST /train/{job_id}/rerun',
];

/** Where a wrong body would be refused first. */
const BODIES: Readonly<Record<string, object>> = {
  '/deliveries/replay': { job_ids: ['here'] },
  '/train/{job_id}/callbacks': { webhook_url: 'https://hooks.example/x' },
  '/train/{job_id}/rerun': { job_id: 'again', from: 'start' },
};

it('every route but the oldest refuses query names that it does not list', async () => {
  const { body } = await service.request('/openapi.json');
  const told: { lenient: string[]; strict: string[] } = { lenient: [], strict: [] };
  for (const [path, operations] of Object.entries<object>(body.paths)) {
    for (const verb of Object.keys(operations)) {
      const method = verb.toUpperCase();
      const answer = await service.request(`${path.replace('{job_id}', 'here')}?nonsense=1`, {
        method,
        ...(method !== 'GET' && {
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(BODIES[path] ?? {}),
        }),
      });
      const isRefused = answer.body?.errors?.some(
        ({ path: name }: { path: string }) => name === 'nonsense',
      );
      told[isRefused ? 'strict' : 'lenient'].push(`${method} ${path}`);
    }
  }
  expect(told.strict.toSorted()).toEqual(STRICT);
  expect(told.lenient.toSorted()).toEqual(ALL_NAMES_ALLOWED);
});

it.each([
  [
    '/deliveries?stat=gone',
    'stat is not known here, the nearest is state: the query may have state, limit, cursor.',
  ],
  [
    '/train/here/events?afer=3',
    'afer is not known here, the nearest is after: the query may have after.',
  ],
  ['/train/here/request?resolved=true', 'resolved is not known here: the query must be empty.'],
])('%s is told which name was meant', async (path, detail) => {
  const { status, body } = await service.request(path);
  expect([status, body.code, body.detail]).toEqual([400, 'INVALID_REQUEST', detail]);
});

it('tells unknown names and wrong values at once', async () => {
  const { body } = await service.request('/train/here/metrics?names=loss&from_step=-1&max=9');
  expect(body.errors.map(({ path }: { path: string }) => path).toSorted()).toEqual([
    'from_step',
    'max',
    'names',
  ]);
});

it('forgets no job by a query that says something else', async () => {
  const ended = makeRequest({
    job_id: 'ended',
    extra_parameters: { mock: { submitted_seconds: 0, running_seconds: 0 } },
  });
  await service.post('/train', ended);
  const { status } = await service.request('/train/ended?forse=true', { method: 'DELETE' });
  expect(status).toBe(400);
  expect((await service.request('/train/ended')).status).toBe(200);
});
