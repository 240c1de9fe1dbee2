import { once } from 'node:events';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeDraft, TEST_BACKEND } from '../../../test/make-draft.ts';
import { systemClock } from '../../clock.ts';
import type { JobRecord } from '../../jobs/job.ts';
import { type ApiClient, ApiError, type ApiRequest } from '../../kubernetes/api-client.ts';
import { SecretJobStore } from './secret-job-store.ts';
import { toAnnotations, toLabels } from './secret-record.ts';

const NOT_FOUND = { status: 404, reason: 'NotFound' };
/** What a proxy says while the API server behind it is away. */
const OF_A_PROXY = { status: 404 };

const draft = makeDraft('job-1');
const secret = {
  metadata: {
    name: draft.name,
    uid: 'uid-1',
    resourceVersion: '5',
    labels: toLabels(draft),
    annotations: toAnnotations(draft),
  },
};

/** An API server that lists one record, and then answers every call with `refusal`. */
class RefusingClient implements ApiClient {
  refusal: ConstructorParameters<typeof ApiError>[1] = NOT_FOUND;
  readonly calls: string[] = [];

  async call<T>({ method, path }: ApiRequest): Promise<T> {
    this.calls.push(method);
    if (path.endsWith('/secrets')) {
      return { metadata: { resourceVersion: '5' }, items: [secret] } as T;
    }
    throw new ApiError('refused', this.refusal);
  }

  async watch<T>({ signal }: ApiRequest): Promise<AsyncIterable<T & never>> {
    if (signal === undefined) throw new Error('without a signal it never ends');
    const next = async () => {
      await once(signal, 'abort');
      return { done: true as const, value: undefined };
    };
    return { [Symbol.asyncIterator]: () => ({ next }) };
  }

  endpoint() {
    return { address: '127.0.0.1', port: 6443 };
  }

  async close(): Promise<void> {}
}

let client: RefusingClient;
let store: SecretJobStore;
let record: JobRecord;

beforeEach(async () => {
  client = new RefusingClient();
  store = new SecretJobStore({
    ...{ client, clock: systemClock, logger: pino({ level: 'silent' }) },
    ...{ backend: TEST_BACKEND, namespace: 'jobs' },
  });
  await store.open();
  record = store.peek(draft.name) as JobRecord;
});
afterEach(() => store.close());

describe('a record that is not there', () => {
  it('is forgotten once the API server itself has said so', async () => {
    expect(record).toMatchObject({ id: 'job-1', uid: 'uid-1' });
    expect(await store.read(record.name)).toBeUndefined();
    expect(store.peek(record.name)).toBeUndefined();
    expect(await store.update(record, { runId: 'run' })).toBeUndefined();
    expect(await store.delete(record)).toBe(true);
  });

  it('is not taken for gone because somebody in between knows no better', async () => {
    client.refusal = OF_A_PROXY;
    const unavailable = { code: 'CLUSTER_UNAVAILABLE' };
    await expect(store.read(record.name)).rejects.toMatchObject(unavailable);
    await expect(store.get('unknown')).rejects.toMatchObject(unavailable);
    await expect(store.update(record, { runId: 'run' })).rejects.toMatchObject(unavailable);
    await expect(store.readPlan(record)).rejects.toMatchObject(unavailable);
    await expect(store.delete(record)).rejects.toMatchObject(unavailable);
    expect(store.peek(record.name)).toEqual(record);
  });
});
