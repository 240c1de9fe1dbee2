import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FakeApiServer } from '../fake-api/fake-api-server.ts';
import { FakeTrainer } from '../fake-api/fake-trainer.ts';
import { NAMESPACE, startFakeClusterService } from '../fake-api/start-fake-cluster-service.ts';
import { makeRequest } from '../start-test-service.ts';
import { FirstVersion, hasFirstVersion } from './first-version.ts';

const SECRETS = `/api/v1/namespaces/${NAMESPACE}/secrets`;
const HISTORY = 'the first version beside this one';

const REQUESTS: [string, Record<string, unknown>][] = [
  ['a small request', {}],
  [
    'a request with all that makes one the same as another',
    {
      base_model: { provider: 'meta', model_name: 'm', huggingface_token: 'hf_0123456789' },
      customization: { method: 'lora', rank: 8, target_modules: ['q_proj'] },
      resources: { gpus: 2, max_duration_minutes: 90 },
      tuning_parameters: { num_epochs: 3, learning_rate: 2e-5, seed: 7 },
      callbacks: { webhook_url: 'http://127.0.0.1:9/hook?key=x', auth_header: 'Bearer hook' },
      extra_parameters: { trainer_env: { WANDB_MODE: 'offline', API_KEY: 'made-up' } },
    },
  ],
];

// A shallow clone has no first version; there the fixtures of `records.test.ts` stand for it.
describe.skipIf(!hasFirstVersion())(HISTORY, () => {
  let first: FirstVersion;
  let server: FakeApiServer;
  let trainer: FakeTrainer;
  const closers: (() => Promise<void>)[] = [];
  let urls: { readonly first: string; readonly current: string };

  beforeAll(() => {
    first = new FirstVersion();
  });
  afterAll(() => first.remove());

  beforeEach(async () => {
    server = new FakeApiServer();
    trainer = new FakeTrainer(server, NAMESPACE, ['test-runtime']);
    const old = await first.start(server, 'meta');
    const current = await startFakeClusterService(server, 'meta');
    closers.push(old.close, current.close);
    urls = { first: old.url, current: current.url };
  });
  afterEach(() => Promise.all(closers.splice(0).map((close) => close())));

  async function call(url: string, path: string, body?: unknown) {
    const answer = await fetch(`${url}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const isReplay = answer.headers.get('idempotent-replayed') === 'true';
    return {
      status: answer.status,
      isReplay,
      body: (await answer.json()) as Record<string, unknown>,
    };
  }

  describe.each(['first', 'current'] as const)('a job that the %s one has taken', (taker) => {
    const other = taker === 'first' ? 'current' : 'first';

    it.each(REQUESTS)('is replayed by the other: %s', async (_, changes) => {
      const request = makeRequest({ job_id: `of-${taker}`, ...changes });
      const taken = await call(urls[taker], '/train', request);
      expect(taken).toMatchObject({ status: 200, isReplay: false });
      const again = await call(urls[other], '/train', request);
      expect(again).toMatchObject({ status: 200, isReplay: true });
      expect(again.body.backend_job_id).toBe(taken.body.backend_job_id);
      expect(server.list(SECRETS)).toHaveLength(1);
      expect(server.list(trainer.collection)).toHaveLength(1);
      const changed = { ...request, artifacts: { log_uri: 's3://x/y/', output_uri: 's3://x/z/' } };
      expect((await call(urls[other], '/train', changed)).status).toBe(409);
    });

    it('is answered and cancelled by the other, and both then say so', async () => {
      const request = makeRequest({ job_id: `of-${taker}` });
      const { body } = await call(urls[taker], '/train', request);
      const path = `/train/of-${taker}`;
      expect((await call(urls[other], path)).body).toMatchObject({
        status: 'submitted',
        timestamps: body.timestamps,
      });
      expect((await call(urls[other], `${path}/cancel`, {})).body.status).toBe('cancelled');
      for (const url of Object.values(urls)) {
        const { status, isReplay, body: replayed } = await call(url, '/train', request);
        expect([status, isReplay, replayed.status]).toEqual([200, true, 'cancelled']);
      }
      expect(trainer.get(String(body.backend_job_id))).toBeUndefined();
    });
  });
});
