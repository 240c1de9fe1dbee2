import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findMissingRequirement } from '@trainer/testbed';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { ServiceFixture } from '../cluster/service-fixture.ts';
import { BUCKET, TrainingBed } from './training-bed.ts';

const SERVICES = [
  { backend: 'nemo', provider: 'nemo', gpus: 1 },
  { backend: 'meta', provider: 'meta', gpus: 2 },
  { backend: 'hf-unsloth', provider: 'huggingface', gpus: 1 },
] as const;

const missing = findMissingRequirement();
const title = missing === undefined ? 'end to end' : `end to end needs ${missing}`;

describe.skipIf(missing !== undefined)(title, () => {
  let bed: TrainingBed;
  beforeAll(async () => {
    const names = SERVICES.map(({ backend }) => backend);
    bed = await TrainingBed.start(inject('kubeconfigPath'), names);
  });
  afterAll(() => bed?.close());

  describe.each(SERVICES)('$backend', ({ backend, provider, gpus }) => {
    let service: ServiceFixture;
    beforeAll(async () => {
      const kubeconfigPath = inject('kubeconfigPath');
      service = await bed.startService(kubeconfigPath, backend);
    });
    afterAll(() => service?.close());

    it('trains what is asked for, from the POST to the webhook', async () => {
      const body = {
        ...bed.request(provider, { resources: { gpus } }),
        callbacks: { webhook_url: service.receiver.url, auth_header: 'Bearer mytoken' },
      };
      const answer = await service.submit(body);
      expect(answer.body).toMatchObject({ status: 'submitted' });
      await service.told(body.job_id, 'running');
      const { json } = await service.told(body.job_id, 'succeeded');
      const model_uri = `s3://${BUCKET}/results/${body.job_id}/model`;
      const result = expect.objectContaining({ model_uri, method: 'lora', steps: 4 });
      expect(json).toMatchObject({ reason: 'COMPLETED' });
      expect((await service.get(body.job_id)).body).toMatchObject({ status: 'succeeded', result });
      const place = join(bed.bucket, 'results', body.job_id);
      expect(existsSync(join(place, 'model/adapter_model.safetensors'))).toBe(true);
      const run = JSON.parse(await readFile(join(place, 'run.json'), 'utf8'));
      expect(run.summary.last_loss).toBeGreaterThan(0);
    });
  });
});
