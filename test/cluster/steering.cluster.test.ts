import { startWebhookReceiver, type WebhookReceiver } from '@trainer/common/testing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type KubeObject, ServiceFixture, TRAINER_API } from './service-fixture.ts';

const NEVER = '--testbed-outcome=never';
const METADATA_ADDRESS = 'http://169.254.169.254/latest';

interface Job {
  readonly request: Awaited<ReturnType<ServiceFixture['request']>>;
  readonly id: string;
  readonly name: string;
}

describe('callbacks changed and jobs forgotten, with two replicas on a real control plane', () => {
  let service: ServiceFixture;
  /** Another webhook than the one that jobs are submitted with. */
  let elsewhere: WebhookReceiver;
  /** One that takes no end; what goes before is taken, so that nothing waits for a pause of it. */
  let broken: WebhookReceiver;

  beforeAll(async () => {
    elsewhere = await startWebhookReceiver();
    broken = await startWebhookReceiver({
      answers: ({ json }) => (json.status === 'succeeded' ? 500 : 200),
    });
    service = await ServiceFixture.start({
      kubeconfigPath: inject('kubeconfigPath'),
      backend: 'hf-unsloth',
      replicas: 2,
    });
  });
  afterAll(async () => {
    await service?.close();
    await elsewhere?.close();
    await broken?.close();
  });

  const submit = async (argument: string, webhookUrl = service.receiver.url): Promise<Job> => {
    const request = await service.request({
      callbacks: { webhook_url: webhookUrl, auth_header: 'Bearer mytoken' },
      extra_parameters: { trainer_args: [argument] },
    });
    const { status, body } = await service.submit(request);
    expect(status).toBe(200);
    return { request, id: request.job_id, name: body.backend_job_id };
  };
  const readRecord = ({ name }: Job) => service.read('/api/v1', 'secrets', name);
  const untilRecord = async ({ name }: Job, isWanted: (record: KubeObject) => boolean) => {
    const until = await service.follow('/api/v1', 'secrets');
    await until((records) => {
      const record = records.get(name);
      return record !== undefined && isWanted(record);
    });
  };
  const untilSettled = (job: Job) =>
    untilRecord(job, ({ metadata }) =>
      (metadata.annotations?.['trainer.deepfinery/delivery'] ?? '').includes('"settled"'),
    );
  const exists = async (apiPath: string, resource: string, { name }: Job) =>
    (await service.list(apiPath, resource)).includes(name);
  const expectReplay = async ({ request, name }: Job, replica: number) => {
    const { status, headers, body } = await service.submit(request, replica);
    expect([status, headers.get('idempotent-replayed')]).toEqual([200, 'true']);
    expect(body.backend_job_id).toBe(name);
  };
  /** The id of a forgotten job, on the replica that may not have heard of it yet. */
  const expectFree = async ({ request, id, name }: Job, replica: number, uid: string) => {
    const { status, headers, body } = await service.submit(request, replica);
    expect([status, headers.get('idempotent-replayed')]).toEqual([200, null]);
    expect(body).toMatchObject({ job_id: id, backend_job_id: name, status: 'submitted' });
    const record = await service.read('/api/v1', 'secrets', name);
    expect(record.metadata.uid).not.toBe(uid);
    const until = await service.follow(TRAINER_API, 'trainjobs');
    await until(
      (trainJobs) =>
        trainJobs.get(name)?.metadata.ownerReferences?.[0]?.uid === record.metadata.uid,
    );
  };

  it.each([0, 1])(
    'calls elsewhere, without the stored auth_header, as replica %i was told',
    async (replica) => {
      const job = await submit(NEVER);
      await service.told(job.id, 'running');
      expect(readCallback(await readRecord(job))).toMatchObject({ authHeader: 'Bearer mytoken' });

      const changed = await service.changeCallbacks(
        job.id,
        { webhook_url: elsewhere.url },
        replica,
      );
      expect(changed).toMatchObject({
        status: 200,
        body: { webhook_url: elsewhere.url, has_auth_header: false },
      });
      const record = await readRecord(job);
      expect(readCallback(record)).toEqual({ webhookUrl: elsewhere.url });
      expect(readAll(record)).not.toContain('mytoken');
      expect(record.metadata.annotations).toMatchObject({
        'trainer.deepfinery/webhook-auth': 'none',
      });
      const heard = await elsewhere.next(({ json }) => json.job_id === job.id);
      expect(heard.headers).not.toHaveProperty('authorization');

      await expectReplay(job, 0);
      await expectReplay(job, 1);
      const changedAtMs = Date.now();
      await service.cancel(job.id, 1 - replica);
      const end = await elsewhere.next(
        ({ json }) => json.job_id === job.id && json.status === 'cancelled',
      );
      expect(end.headers).not.toHaveProperty('authorization');
      await untilSettled(job);
      const late = service.receiver.requests.filter(
        ({ json, receivedAtMs }) => json.job_id === job.id && receivedAtMs > changedAtMs,
      );
      expect(late).toEqual([]);
    },
  );

  it('keeps the stored auth_header from who takes the webhook away and brings it back', async () => {
    const job = await submit(NEVER);
    await service.told(job.id, 'running');
    await service.changeCallbacks(job.id, { webhook_url: null }, 0);
    expect(readCallback(await readRecord(job))).toBeUndefined();
    const back = await service.changeCallbacks(job.id, { webhook_url: service.receiver.url }, 1);
    expect(back.body).toMatchObject({ has_auth_header: false });
    await service.cancel(job.id);
    expect((await service.told(job.id, 'cancelled')).headers).not.toHaveProperty('authorization');
  });

  it('sends an end that its webhook does not take elsewhere, and settles it there', async () => {
    const job = await submit('--testbed-run-ms=100', broken.url);
    await broken.next(({ json }) => json.job_id === job.id && json.status === 'succeeded');
    const auth_header = 'Bearer another';
    await service.changeCallbacks(job.id, { webhook_url: elsewhere.url, auth_header }, 1);
    const end = await elsewhere.next(
      ({ json }) => json.job_id === job.id && json.status === 'succeeded',
    );
    expect(end.headers.authorization).toBe(auth_header);
    await untilSettled(job);
    for (const replica of [0, 1]) {
      const refused = await service.changeCallbacks(job.id, { webhook_url: broken.url }, replica);
      expect(refused).toMatchObject({ status: 409, body: { code: 'CALLBACK_CHANGE_REFUSED' } });
    }
    expect(readCallback(await readRecord(job))).toMatchObject({ webhookUrl: elsewhere.url });
  });

  it('changes nothing for an address that no webhook may have', async () => {
    const job = await submit(NEVER);
    const refused = await service.changeCallbacks(job.id, { webhook_url: METADATA_ADDRESS }, 1);
    expect(refused).toMatchObject({ status: 400, body: { code: 'INVALID_REQUEST' } });
    expect(readCallback(await readRecord(job))).toMatchObject({
      webhookUrl: service.receiver.url,
      authHeader: 'Bearer mytoken',
    });
    await service.cancel(job.id);
  });

  it('keeps a job that goes on or is being stopped, and says how long that may take', async () => {
    const job = await submit(NEVER);
    await service.told(job.id, 'running');
    const { uid } = (await readRecord(job)).metadata;
    for (const force of [false, true]) {
      const refused = await service.forget(job.id, 1, { force });
      expect(refused).toMatchObject({ status: 409, body: { code: 'JOB_NOT_ENDED' } });
      expect(refused.body.detail).toContain(`/train/${job.id}/cancel`);
    }
    await service.setFinalizers(TRAINER_API, 'trainjobs', job.name, ['test.example/hold']);
    await service.cancel(job.id, 1);
    await service.told(job.id, 'cancelled');
    await untilSettled(job);
    for (const [replica, force] of [
      [0, false],
      [1, true],
    ] as const) {
      const refused = await service.forget(job.id, replica, { force });
      expect(refused).toMatchObject({ status: 409, body: { code: 'JOB_BEING_STOPPED' } });
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect((await readRecord(job)).metadata.uid).toBe(uid);

    await service.setFinalizers(TRAINER_API, 'trainjobs', job.name, []);
    await service.untilNothingRuns(job.name);
    expect((await service.forget(job.id, 0)).status).toBe(204);
    expect(await exists('/api/v1', 'secrets', job)).toBe(false);
    await expectFree(job, 1, uid);
    await service.told(job.id, 'running');
    await service.cancel(job.id);
  });

  it('keeps a job whose end nobody has taken, unless told otherwise; then nothing of it is left', async () => {
    const job = await submit('--testbed-run-ms=100', broken.url);
    await broken.next(({ json }) => json.job_id === job.id && json.status === 'succeeded');
    const { uid } = (await readRecord(job)).metadata;
    for (const replica of [0, 1]) {
      const refused = await service.forget(job.id, replica);
      expect(refused).toMatchObject({ status: 409, body: { code: 'CALLBACK_UNDELIVERED' } });
      expect(refused.body.detail).toContain('?force=true');
    }
    // Its run has ended by itself, and is kept for people to look at.
    expect(await exists(TRAINER_API, 'trainjobs', job)).toBe(true);
    expect((await service.forget(job.id, 1, { force: true })).status).toBe(204);
    expect(await exists('/api/v1', 'secrets', job)).toBe(false);
    await service.untilNothingRuns(job.name);
    expect((await service.get(job.id, 1)).status).toBe(404);
    expect((await service.forget(job.id, 1, { force: true })).status).toBe(404);

    await expectFree(job, 0, uid);
  });
});

/** Where callbacks go, as the cluster keeps it. */
function readCallback({ data = {} }: KubeObject): unknown {
  const text = data['.callback.json'];
  return text === undefined ? undefined : JSON.parse(decode(text));
}

function readAll({ metadata, data = {} }: KubeObject): string {
  return JSON.stringify([metadata.annotations, Object.values(data).map(decode)]);
}

function decode(text: string): string {
  return Buffer.from(text, 'base64').toString();
}
