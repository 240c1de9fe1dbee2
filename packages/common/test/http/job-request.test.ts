import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inSecrets } from '../in-secrets.ts';
import { type ReportBed, startReportBed } from '../report-bed.ts';
import { makeRequest } from '../start-test-service.ts';

const CANARY = 'CANARY-0123456789';
const asOps = { 'x-trainer-token': 'of-ops' };
const env = { TRAINER_API_TOKEN: 'of-ops', TRAINER_READ_TOKENS: 'of-reader' };
const NEVER = { mock: { submitted_seconds: 0, outcome: 'never' } };
const MODEL = {
  provider: 'meta',
  model_name: 'meta-llama/Llama-2-7b',
  huggingface_token: `hf_${CANARY}`,
};
const dataset = (source: string) => ({ source, format: 'jsonl' });

describe.each(['memory', 'secrets'])('GET /train/{job_id}/request, records in %s', (of) => {
  let bed: ReportBed;
  beforeAll(async () => {
    const decorate = { platform: inSecrets, webhookClient: <T>(client: T) => client };
    bed = await startReportBed({ env, ...(of === 'secrets' && { decorate }) });
  });
  afterAll(() => bed.service.close());

  const ask = (jobId: string, headers: Record<string, string> = asOps) =>
    bed.service.request(`/train/${jobId}/request`, { headers });
  const submit = async (job_id: string, changes: object) => {
    const body = makeRequest({ job_id, extra_parameters: NEVER, ...changes });
    const { status, text } = await bed.service.post('/train', body, asOps);
    expect(status, text).toBe(200);
    return body;
  };
  const purge = async (jobId: string) => {
    await bed.service.post(`/train/${jobId}/cancel`, undefined, asOps);
    expect(await bed.platform.store.purgeCredentials(bed.readRecord(jobId))).toBeDefined();
  };

  it('tells the request as it was sent, and with its defaults', async () => {
    const callbacks = { webhook_url: 'https://studio.test/x?key=1', auth_header: 'Bearer x' };
    const { callbacks: _callbacks, ...sent } = await submit('plain', { callbacks, unknown: [1] });
    const { status, body } = await ask('plain');
    expect(status).toBe(200);
    const { resolved_request, ...asked } = body;
    const none = { withheld: [], credentials: 'none' };
    expect(asked).toEqual({ job_id: 'plain', request: sent, ...none });
    expect(resolved_request).toMatchObject({
      job_id: 'plain',
      datasets: sent.datasets,
      customization: { method: 'lora', lora: { rank: 16 } },
      tuning_parameters: { num_epochs: 3 },
    });
    expect(resolved_request).not.toHaveProperty('callbacks');
    expect(resolved_request).not.toHaveProperty('unknown');
  });

  it('withholds whatever may be secret, also what repeats it, before and after it is gone', async () => {
    await submit('secret', {
      base_model: MODEL,
      tuning_parameters: { note: `see hf_${CANARY}`, hub_token: `t-${CANARY}` },
      extra_parameters: {
        ...NEVER,
        trainer_args: ['--api-key', `k-${CANARY}`, '--epochs', '2'],
        trainer_env: { SOME_VALUE: `v-${CANARY}` },
      },
    });
    const before = await ask('secret');
    expect(before.body).toMatchObject({
      request: {
        base_model: { huggingface_token: '[redacted]' },
        tuning_parameters: { note: '[redacted]', hub_token: '[redacted]' },
        extra_parameters: { trainer_args: ['--api-key', '[redacted]', '--epochs', '2'] },
      },
      withheld: [
        'base_model.huggingface_token',
        'extra_parameters.trainer_args[1]',
        'extra_parameters.trainer_env.SOME_VALUE',
        'tuning_parameters.note',
        'tuning_parameters.hub_token',
      ],
      credentials: 'kept',
      resolved_request: {
        tuning_parameters: { note: '[redacted]' },
        extra_parameters: { trainer_env_names: ['SOME_VALUE'] },
      },
    });
    await purge('secret');
    const after = await ask('secret');
    expect(after.body).toMatchObject({
      request: before.body.request,
      credentials: 'gone',
      resolved_request: null,
    });
    expect(before.text + after.text).not.toContain(CANARY);
  });

  it('tells the defaults also when the credentials are gone, where these stood apart', async () => {
    await submit('apart', { base_model: MODEL });
    const before = await ask('apart');
    await purge('apart');
    const after = await ask('apart');
    expect(after.body).toEqual({ ...before.body, credentials: 'gone' });
    expect(after.body.resolved_request.resources).toMatchObject({ gpus: 1 });
  });

  it('takes the signature out of an address', async () => {
    await submit('signed', { datasets: [dataset(`https://data.test/a.jsonl?sig=${CANARY}`)] });
    const { body, text } = await ask('signed');
    expect(body.request.datasets).toEqual([dataset('[redacted]')]);
    expect(body.resolved_request.datasets[0].source).toBe('https://data.test/a.jsonl?[redacted]');
    expect(text).not.toContain(CANARY);
  });

  it('says that a very large request is not kept, of which the job itself is there', async () => {
    await submit('large', { unknown: 'x'.repeat(97 * 1024) });
    const { body } = await ask('large');
    expect(body).toMatchObject({ request: null, withheld: [], credentials: 'none' });
    expect(body.resolved_request).toMatchObject({ job_id: 'large' });
  });

  it('tells of a rerun what that was asked for', async () => {
    await submit('again', { base_model: MODEL });
    await bed.service.post('/train/again/cancel', undefined, asOps);
    const changes = { tuning_parameters: { num_epochs: 7 } };
    const rerun = { job_id: 'again-r2', from: 'start', changes };
    expect((await bed.service.post('/train/again/rerun', rerun, asOps)).status).toBe(200);
    const { body, text } = await ask('again-r2');
    expect(body).toMatchObject({
      request: { job_id: 'again-r2', ...changes },
      withheld: ['base_model.huggingface_token'],
      resolved_request: changes,
    });
    expect(text).not.toContain(CANARY);
  });

  it('wants a token that may read, and a job', async () => {
    await submit('guarded', {});
    expect((await ask('guarded', {})).status).toBe(401);
    expect((await ask('guarded', { 'x-trainer-token': 'of-nobody' })).status).toBe(403);
    expect((await ask('guarded', { 'x-trainer-token': 'of-reader' })).status).toBe(200);
    expect((await ask('nobody')).body).toMatchObject({ code: 'JOB_NOT_FOUND', status: 404 });
    const posted = await bed.service.post('/train/guarded/request', {}, asOps);
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });
});
