// Is copied beside the generated api.ts, compiled and run by generated-client.tools.test.ts.
import createClient from 'openapi-fetch';
import type { components, paths } from './api.ts';

const { TRAINER_URL = '', TRAINER_API_TOKEN = '' } = process.env;
const client = createClient<paths>({
  baseUrl: TRAINER_URL,
  headers: { Authorization: `Bearer ${TRAINER_API_TOKEN}` },
});

const request: components['schemas']['TrainingRequest'] = {
  job_id: 'generated-1',
  base_model: { provider: 'meta', model_name: 'Llama-3-8b' },
  resources: { gpus: 2 },
  datasets: [{ source: 's3://bucket/data.jsonl', format: 'jsonl' }],
  artifacts: { log_uri: 's3://bucket/logs/', output_uri: 's3://bucket/results/' },
};
const job = { params: { path: { job_id: 'generated-1' } } };

const health = await client.GET('/healthz');
const submitted = await client.POST('/train', { body: request });
const read = await client.GET('/train/{job_id}', job);
const refused = await client.POST('/train', { body: { ...request, resources: { gpus: 1 } } });
const cancelled = await client.POST('/train/{job_id}/cancel', job);
const deliveries = await client.GET('/train/{job_id}/deliveries', job);
const unknown = await client.GET('/train/{job_id}', { params: { path: { job_id: 'unknown' } } });

console.log(
  JSON.stringify({
    health: health.data?.status,
    submitted: submitted.data?.status,
    location: submitted.response.headers.get('location'),
    read: read.data?.job_id,
    refused: {
      status: refused.error?.status,
      code: refused.error?.code,
      paths: refused.error?.errors.map(({ path }) => path),
    },
    cancelled: cancelled.data?.status,
    deliveries: deliveries.data?.outcome,
    unknown: unknown.error?.code,
  }),
);
