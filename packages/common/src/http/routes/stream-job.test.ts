import { expect, it } from 'vitest';
import { FakeClock } from '../../../test/fake-clock.ts';
import { makeRecord } from '../../../test/make-record.ts';
import { errors } from '../../errors.ts';
import type { EventStream } from '../plugins/event-stream.ts';
import { streamJob } from './stream-job.ts';

const clock = new FakeClock();
const view = { record: makeRecord(), state: makeRecord().state, progress: undefined };
const feed = { watch: () => () => {}, readEvents: async () => [], isOver: () => false };

function makeStream() {
  const written: string[] = [];
  const stream = {
    isClosed: false,
    ready: async () => {},
    wake: () => {},
    write: (text: string) => written.push(text),
  };
  return { written, stream: stream as unknown as EventStream };
}

it('ends once its job is forgotten, also where another one has its id by then', async () => {
  const successor = { ...view, record: makeRecord({ uid: 'of-another' }) };
  const answers = [
    async () => Promise.reject(errors.jobNotFound('job-1')),
    async () => ({ view: successor }),
  ];
  for (const get of answers) {
    const { stream, written } = makeStream();
    await streamJob({ jobs: { get } as never, feed, clock }, view, { stream, after: 0 });
    expect(written).toEqual(['event: stream.end\ndata: {"reason":"JOB_FORGOTTEN"}\n\n']);
  }
});

it('fails where its job cannot be read, so that the reader comes back', async () => {
  const { stream, written } = makeStream();
  const jobs = { get: async () => Promise.reject(errors.clusterUnreachable()) };
  const streaming = streamJob({ jobs, feed, clock }, view, { stream, after: 0 });
  await expect(streaming).rejects.toThrow('cannot be reached');
  expect(written).toEqual([]);
});
