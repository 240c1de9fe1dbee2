import { setTimeout as sleep } from 'node:timers/promises';
import type { Received } from '@trainer/common/testing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ServiceFixture } from './service-fixture.ts';

const COORDINATION_API = '/apis/coordination.k8s.io/v1';
const isEnd = ({ json }: Received) => json.status === 'succeeded';

describe('callbacks of several replicas', () => {
  let service: ServiceFixture;

  beforeAll(async () => {
    service = await ServiceFixture.start({
      kubeconfigPath: inject('kubeconfigPath'),
      backend: 'meta',
      replicas: 2,
      env: { TRAINER_CALLBACK_INTERVAL_SECONDS: '1' },
    });
  });
  afterAll(() => service?.close());

  const play = (...trainer_args: string[]) =>
    service.request({ extra_parameters: { trainer_args } });
  const ofJob = (id: string) => service.receiver.requests.filter(({ json }) => json.job_id === id);

  it('end with the final one, though an update is written late whose sender was killed', async () => {
    const request = await play('--testbed-run-ms=6000');
    const id = request.job_id;
    const written: string[] = [];
    service.receiver.respondWith(async (received) => {
      const { json } = received;
      if (json.job_id !== id) return 200;
      // Longer than it takes until another replica leads, and than that one waits for an answer.
      if (json.status === 'running') await sleep(25_000);
      written.push(String(json.status));
      return 200;
    });
    await service.submit(request);
    await service.receiver.next(({ json }) => json.job_id === id && json.status === 'running');
    await service.fleet.kill();
    await service.fleet.fill();
    const first = await service.receiver.next(
      (received) => isEnd(received) && received.json.job_id === id,
    );
    const again = await service.receiver.next(
      (received) => isEnd(received) && received.json.job_id === id,
    );
    expect(again.body).toBe(first.body);
    expect(again.headers['webhook-id']).toBe(first.headers['webhook-id']);
    expect(again.receivedAtMs - first.receivedAtMs).toBeGreaterThan(10_000);
    const until = await service.follow('/api/v1', 'secrets');
    await until((secrets) =>
      [...secrets.values()].some(({ metadata }) => {
        const { 'trainer.deepfinery/job-id': jobId, 'trainer.deepfinery/delivery': delivery } =
          metadata.annotations ?? {};
        return jobId === id && delivery?.includes('"settled":"delivered"') === true;
      }),
    );
    expect(written.at(-1)).toBe('succeeded');
    expect(ofJob(id).filter(isEnd)).toHaveLength(2);
  });

  it('have new ids and larger numbers, whatever happens to the Lease', async () => {
    service.receiver.respondWith(200);
    const requests = await Promise.all([1, 2, 3].map(() => play('--testbed-outcome=never')));
    for (const request of requests) await service.submit(request);
    const deleteLease = () => service.remove(COORDINATION_API, 'leases', 'trainer-meta');
    const nextUpdates = async () => {
      for (const { job_id } of requests) {
        await service.receiver.next(
          ({ json, receivedAtMs }) => json.job_id === job_id && receivedAtMs > changedAtMs,
        );
      }
    };
    let changedAtMs = 0;
    await nextUpdates();
    for (const change of ['delete', 'kill and delete', 'delete', 'kill']) {
      if (change.includes('kill')) await service.fleet.kill();
      if (change.includes('delete')) await deleteLease();
      await service.fleet.fill();
      changedAtMs = Date.now();
      await nextUpdates();
      await nextUpdates();
    }
    for (const { job_id } of requests) {
      const events = ofJob(job_id);
      const bodies = new Map<unknown, string>();
      for (const { headers, body } of events) {
        expect(bodies.get(headers['webhook-id']) ?? body).toBe(body);
        bodies.set(headers['webhook-id'], body);
      }
      const sequences = [...new Set(bodies.values())].map((body) =>
        Number(JSON.parse(body).sequence),
      );
      expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
      expect(bodies.size).toBeGreaterThan(8);
      await service.cancel(job_id);
    }
  });
});
