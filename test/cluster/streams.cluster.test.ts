import { type OpenedStream, openStream, type WireEvent } from '@trainer/common/testing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ServiceFixture } from './service-fixture.ts';

const NEVER = '--testbed-outcome=never';

const isStored = ({ data }: WireEvent) => data?.id !== undefined;
const isStatus = (status: string) => (event: WireEvent) => event.data?.data?.status === status;
const idsOf = (events: readonly WireEvent[]) => events.map(({ data }) => data.id);
const upFrom = (first: number, count: number) =>
  Array.from({ length: count }, (_, index) => first + index);

describe('streams of two replicas on a real control plane', () => {
  let service: ServiceFixture;
  beforeAll(async () => {
    service = await ServiceFixture.start({
      kubeconfigPath: inject('kubeconfigPath'),
      backend: 'hf-unsloth',
      replicas: 2,
    });
  });
  afterAll(() => service?.close());

  const submit = async (argument: string) => {
    const request = await service.request({ extra_parameters: { trainer_args: [argument] } });
    // Without a webhook: attempts at it may be told after the end of a stream.
    const { status, body } = await service.submit({ ...request, callbacks: {} }, 1);
    expect(status).toBe(200);
    return body;
  };
  const follow = (jobId: string, replica: number, after?: string) =>
    openStream(
      `${service.fleet.urlOf(replica)}/train/${jobId}/events`,
      after === undefined ? {} : { 'last-event-id': after },
    );
  const followAll = (replica: number, cursor?: string) =>
    openStream(
      `${service.fleet.urlOf(replica)}/events`,
      cursor === undefined ? {} : { 'last-event-id': cursor },
    );
  /** What a reader of all jobs is told of one, up to an end. */
  const readLife = async (many: OpenedStream, jobId: string, status: string) => {
    const seen: WireEvent[] = [];
    while (seen.at(-1)?.data.data.status !== status) {
      const event = await many.next(({ data }) => data?.id && data.job_id === jobId);
      if (event === undefined) throw new Error('the stream has ended');
      seen.push(event);
    }
    return seen;
  };

  it('tell the whole life of a job, whichever replica is asked', async () => {
    await using many = await followAll(0);
    const { job_id } = await submit('--testbed-outcome=succeeded');
    await using one = await follow(job_id, 0);
    const told = await one.rest();
    expect(told.at(-1)?.event).toBe('stream.end');
    const stored = told.filter(isStored);
    expect(idsOf(stored)).toEqual(upFrom(1, stored.length));
    expect(stored.at(-1)?.data.data.status).toBe('succeeded');
    const seen = await readLife(many, job_id, 'succeeded');
    expect(seen.map(({ data }) => data)).toEqual(stored.map(({ data }) => data));
    await using other = await follow(job_id, 1);
    const toldThere = (await other.rest()).filter(isStored);
    expect(toldThere.map(({ data }) => data)).toEqual(stored.map(({ data }) => data));
    await using over = await follow(job_id, 1, stored.at(-1)?.id);
    expect(over.status).toBe(204);
  });

  it('go on at another replica when theirs is killed', async () => {
    const { job_id, backend_job_id } = await submit(NEVER);
    await using many = await followAll(1);
    await using one = await follow(job_id, 0);
    await using all = await followAll(0);
    const { id: cursor } = (await all.next(({ id }) => id !== undefined)) ?? {};
    const running = await one.next(isStatus('running'));
    await service.fleet.kill(0);
    await Promise.all([one, all].map((stream) => stream.rest().catch(() => {})));

    await using resumed = await follow(job_id, 1, running?.id);
    await using moved = await followAll(1, cursor);
    await service.cancel(job_id);
    const rest = (await resumed.rest()).filter(isStored);
    expect(idsOf(rest)).toEqual(upFrom(Number(running?.id) + 1, rest.length));
    expect(rest.at(-1)?.data.data.status).toBe('cancelled');
    await service.untilNothingRuns(backend_job_id);
    const seen = await readLife(many, job_id, 'cancelled');
    expect(seen.at(-1)?.data).toEqual(rest.at(-1)?.data);
    // A cursor of the one leads on at the other.
    const after = await readLife(moved, job_id, 'cancelled');
    expect(after.at(-1)?.data).toEqual(rest.at(-1)?.data);
  });
});
