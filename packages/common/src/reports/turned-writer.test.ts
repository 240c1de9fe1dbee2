import { pino } from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/fake-clock.ts';
import { makeRecord } from '../../test/make-record.ts';
import { errors } from '../errors.ts';
import type { JobRecord } from '../jobs/job.ts';
import { TurnedWriter } from './turned-writer.ts';
import { WriteTurns } from './write-turns.ts';

const JOB = makeRecord({ id: 'job-1' });

let clock: FakeClock;
let turns: WriteTurns;
let cached: JobRecord | undefined;
/** `second version`, one for each write. */
let written: string[];
let logged: Record<string, unknown>[];
/** What the next writes come to. */
let failures: Error[];
let writer: TurnedWriter;

beforeEach(() => {
  clock = new FakeClock();
  turns = new WriteTurns(clock);
  cached = JOB;
  [written, logged, failures] = [[], [], []];
  writer = make();
});

function make(write: (record: JobRecord) => Promise<void> = note): TurnedWriter {
  const destination = { write: (line: string) => logged.push(JSON.parse(line)) };
  const logger = pino({ base: null, timestamp: false }, destination);
  const store = { getCached: () => cached };
  const parts = { store, clock, random: () => 1, logger, turns };
  return new TurnedWriter(parts, 'it could not be kept, retrying', write);
}
/** One that may write nothing, with the times at which it tried, in seconds. */
function makeRefused(): { readonly tries: readonly number[]; readonly refused: TurnedWriter } {
  const tries: number[] = [];
  const refused = make(async () => {
    tries.push(clock.monotonic() / 1000);
    throw errors.clusterRefusesUs();
  });
  return { tries, refused };
}
async function note({ version }: JobRecord): Promise<void> {
  const failure = failures.shift();
  if (failure !== undefined) throw failure;
  written.push(`${clock.monotonic() / 1000} ${version}`);
}

describe('a record that is planned', () => {
  it('is written once, at once, whatever number of times that was asked for', async () => {
    writer.plan(JOB);
    writer.plan(JOB);
    await clock.advance(60_000);
    expect(written).toEqual(['0 1']);
  });

  it('is written every five seconds at most, by all writers together', async () => {
    const other = make();
    writer.plan(JOB);
    await clock.advance(1000);
    other.plan(JOB);
    writer.plan(JOB);
    await clock.advance(60_000);
    expect(written).toEqual(['0 1', '5 1', '10 1']);
  });

  it('is written when it is due, the earlier time of two', async () => {
    writer.plan(JOB, clock.now() + 30_000);
    writer.plan(JOB, clock.now() + 20_000);
    writer.plan(JOB, clock.now() + 40_000);
    await clock.advance(60_000);
    expect(written).toEqual(['20 1']);
  });

  it('is written as it is known then, unless that is another job', async () => {
    writer.plan(JOB, clock.now() + 1000);
    cached = { ...JOB, version: '7' };
    await clock.advance(10_000);
    cached = { ...JOB, version: '8', uid: 'of another' };
    writer.plan(JOB);
    await clock.advance(10_000);
    cached = undefined;
    writer.plan(JOB);
    await clock.advance(10_000);
    expect(written).toEqual(['1 7', '10 1', '20 1']);
  });
});

describe('a write that fails', () => {
  it('is told with both names of the job, and made again at its next turn', async () => {
    failures = [new Error('no')];
    writer.plan(JOB);
    await clock.advance(60_000);
    expect(written).toEqual(['5 1']);
    expect(logged).toMatchObject([
      {
        level: 40,
        job_id: 'job-1',
        backend_job_id: JOB.name,
        err: { message: 'no' },
        msg: 'it could not be kept, retrying',
      },
    ]);
  });

  it('is not told again where the cluster is away, which the log tells once', async () => {
    failures = [errors.clusterUnreachable(), errors.clusterUnreachable()];
    writer.plan(JOB);
    await clock.advance(60_000);
    expect(written).toEqual(['10 1']);
    expect(logged).toEqual([]);
  });

  it('is made again ever later where it is refused, whatever is planned meanwhile', async () => {
    const { tries, refused } = makeRefused();
    refused.plan(JOB);
    for (let second = 0; second < 1000; second += 1) {
      await clock.advance(1000);
      refused.plan(JOB);
    }
    expect(tries).toEqual([0, 5, 15, 35, 75, 155, 315, 615, 915]);
    expect(logged).toEqual([]);
  });

  it('is soon made again once it has succeeded between, or is of another job', async () => {
    failures = [1, 2].map(() => errors.clusterRefusesUs());
    writer.plan(JOB);
    await clock.advance(15_000);
    failures = [errors.clusterRefusesUs()];
    writer.plan(JOB);
    await clock.advance(10_000);
    expect(written).toEqual(['15 1', '25 1']);
    failures = [1, 2].map(() => errors.clusterRefusesUs());
    writer.plan(JOB);
    await clock.advance(10_000);
    cached = { ...JOB, uid: 'of another' };
    writer.plan(cached);
    await clock.advance(0);
    expect(written).toEqual(['15 1', '25 1', '35 1']);
  });

  it('is made again at the next turn of the job where that is asked for', async () => {
    const { tries, refused } = makeRefused();
    refused.plan(JOB);
    await clock.advance(100_000);
    expect(tries.at(-1)).toBe(75);
    refused.planNow(JOB);
    await clock.advance(0);
    expect(tries.at(-1)).toBe(100);
    refused.planNow(JOB);
    await clock.advance(5000);
    expect(tries.at(-1)).toBe(105);
  });

  it('takes no turns of other jobs where it is refused', async () => {
    const { tries, refused } = makeRefused();
    for (let index = 0; index < 20; index += 1)
      refused.plan(makeRecord({ id: `refused-${index}` }));
    await clock.advance(0);
    expect(tries).toHaveLength(20);
    writer.plan(JOB);
    await clock.advance(0);
    expect(written).toEqual(['0 1']);
  });
});

it('closes once what it is writing is written, and writes nothing more', async () => {
  const under = Promise.withResolvers<void>();
  const slow = make(async () => {
    await under.promise;
    throw new Error('no');
  });
  slow.plan(JOB);
  writer.plan(JOB, clock.now() + 1000);
  await clock.advance(0);
  let isClosed = false;
  const closed = slow.close().then(() => {
    isClosed = true;
  });
  await writer.close();
  await clock.advance(0);
  expect(isClosed).toBe(false);
  under.resolve();
  await closed;
  writer.plan(JOB);
  await clock.advance(60_000);
  expect(written).toEqual([]);
  expect(clock.timerCount).toBe(0);
});
