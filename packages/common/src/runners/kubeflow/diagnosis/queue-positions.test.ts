import pino from 'pino';
import { beforeEach, describe, expect, test } from 'vitest';
import { FakeClock } from '../../../../test/fake-clock.ts';
import { type ApiClient, ApiError, type ApiRequest } from '../../../kubernetes/api-client.ts';
import { QueuePositions } from './queue-positions.ts';

const PATH = '/apis/visibility.kueue.x-k8s.io/v1beta2/namespaces/jobs/localqueues';
/** As Kueue v0.19 answers. */
const pending = (name: string, positionInLocalQueue: number, kind = 'TrainJob') => ({
  metadata: { name: `trainjob-${name}-1`, ownerReferences: [{ kind, name }] },
  ...{ priority: 0, localQueueName: 'a', positionInClusterQueue: 9, positionInLocalQueue },
});

describe('positions in queues', () => {
  let clock: FakeClock;
  let asked: string[];
  let answer: (path: string) => unknown;
  let queues: string[];
  let positions: QueuePositions;

  beforeEach(() => {
    clock = new FakeClock();
    asked = [];
    queues = ['a'];
    answer = () => ({ items: [pending('first', 0), pending('second', 1)] });
    const client = {
      call: async ({ path }: ApiRequest) => {
        asked.push(path);
        return answer(path);
      },
    } as unknown as ApiClient;
    positions = new QueuePositions({
      ...{ client, clock, logger: pino({ level: 'silent' }), namespace: 'jobs' },
      listQueues: () => queues,
    });
  });

  test('are counted from one, as Kueue says', async () => {
    positions.note();
    positions.note();
    expect(positions.get('second')).toBeUndefined();
    await clock.advance(1000);
    expect(asked).toEqual([`${PATH}/a/pendingworkloads`]);
    expect([positions.get('first'), positions.get('second')]).toEqual([1, 2]);
    answer = () => ({ items: [pending('second', 0)] });
    await clock.advance(15_000);
    expect([positions.get('first'), positions.get('second')]).toEqual([undefined, 1]);
  });

  test('are asked of each queue once, and no more once nobody waits', async () => {
    queues = ['a', 'b', 'a'];
    positions.note();
    await clock.advance(1000);
    expect(asked).toEqual([`${PATH}/a/pendingworkloads`, `${PATH}/b/pendingworkloads`]);
    queues = [];
    await clock.advance(60_000);
    expect(asked).toHaveLength(2);
    expect(positions.get('first')).toBeUndefined();
    queues = ['a'];
    positions.note();
    await clock.advance(1000);
    expect(positions.get('first')).toBe(1);
  });

  test.each([
    [403, 300_000],
    [404, 300_000],
    [503, 15_000],
  ])('are unknown after a %i, and asked again in %i ms', async (status, delayMs) => {
    answer = () => {
      throw new ApiError('no', { status });
    };
    positions.note();
    await clock.advance(1000);
    expect(positions.get('first')).toBeUndefined();
    answer = () => ({ items: [pending('first', 0), pending('other', 1, 'Job'), {}] });
    await clock.advance(delayMs - 1);
    expect(asked).toHaveLength(1);
    await clock.advance(1);
    expect([positions.get('first'), positions.get('other')]).toEqual([1, undefined]);
  });

  test('are asked no more once closed', async () => {
    positions.note();
    positions.close();
    await clock.advance(60_000);
    expect(asked).toEqual([]);
  });
});
