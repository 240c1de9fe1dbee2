import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../test/eventually.ts';
import { FakeApiServer } from '../../test/fake-api/fake-api-server.ts';
import { FakeClock } from '../../test/fake-clock.ts';
import { ApiError } from './api-client.ts';
import { Informer } from './informer.ts';
import type { CachedObject } from './object-store.ts';

const PATH = '/api/v1/namespaces/jobs/configmaps';

let server: FakeApiServer;
let clock: FakeClock;
let cache: Informer<CachedObject, string>;
let logged: string[];

beforeEach(() => {
  server = new FakeApiServer();
  clock = new FakeClock();
  logged = [];
  const logger = pino({}, { write: (line: string) => logged.push(line) });
  cache = new Informer<CachedObject, string>({
    ...{ client: server.connect(), clock, logger, path: PATH },
    random: () => 0.5,
    labelSelector: 'backend=meta',
    keep: ({ metadata }) => metadata.name,
  });
});
afterEach(() => cache.close());

function add(name: string, labels: Record<string, string> = { backend: 'meta' }): void {
  server.create(PATH, { metadata: { name, labels } });
}

const names = () => [...cache.values()].sort();
const listsAndWatches = () =>
  server.requests.map(({ query }) => (query?.resourceVersion === undefined ? 'list' : 'watch'));
const untilKnown = (name: string) =>
  eventually(
    (tell) => cache.watch(tell),
    () => cache.get(name) !== undefined,
  );

describe('Informer', () => {
  it('knows what is there, follows what comes, changes and goes, and nothing else', async () => {
    add('first');
    add('other', { backend: 'nemo' });
    await cache.open();
    expect(names()).toEqual(['first']);
    add('second');
    await untilKnown('second');
    server.patch(`${PATH}/other`, { metadata: { labels: { backend: 'meta' } } });
    await untilKnown('other');
    server.patch(`${PATH}/first`, { metadata: { labels: null } });
    server.delete(`${PATH}/second`);
    await eventually(
      (tell) => cache.watch(tell),
      () => cache.size === 1,
    );
    expect(names()).toEqual(['other']);
    expect(listsAndWatches()).toEqual(['list', 'watch']);
  });

  it('goes back with a cluster that is restored from a backup, and says so once', async () => {
    add('kept');
    add('deleted since');
    const restore = server.backup();
    await cache.open();
    add('made since');
    await untilKnown('made since');
    server.delete(`${PATH}/deleted since`);
    restore();
    await clock.advance(200);
    expect(names()).toEqual(['kept', 'made since']);
    await clock.advance(400);
    expect(names()).toEqual(['deleted since', 'kept']);
    expect(logged.filter((line) => line.includes('restored to an older state'))).toHaveLength(1);
    add('made after');
    await untilKnown('made after');
    expect(names()).toEqual(['deleted since', 'kept', 'made after']);
  });

  it('does not go back for one list of a server that lags behind', async () => {
    add('first');
    const lag = server.backup();
    await cache.open();
    add('second');
    await untilKnown('second');
    const catchUp = server.backup();
    lag();
    await clock.advance(200);
    catchUp();
    await clock.advance(400);
    expect(names()).toEqual(['first', 'second']);
    expect(logged.filter((line) => line.includes('restored to an older state'))).toEqual([]);
  });

  it('lists page by page', async () => {
    for (let n = 0; n < 600; n += 1) add(`job-${n}`);
    await cache.open();
    expect(cache.size).toBe(600);
    expect(server.requests.slice(0, 3).map(({ query }) => query?.limit)).toEqual([250, 250, 250]);
  });

  it('starts again from a list when a page or a watch is told that it is too old', async () => {
    for (let n = 0; n < 300; n += 1) add(`job-${n}`);
    server.after = () => {
      server.after = () => {};
      server.compact();
    };
    await cache.open();
    expect(cache.size).toBe(0);
    await clock.advance(200);
    expect(cache.size).toBe(300);
    add('late');
    await untilKnown('late');
    server.breakWatches(new ApiError('gone', { status: 410 }));
    add('later');
    server.compact();
    await clock.advance(1000);
    await untilKnown('later');
    expect(cache.behindForMs()).toBe(0);
  });

  it('goes on from the last bookmark when the server ends a watch in good time', async () => {
    await cache.open();
    await clock.advance(5000);
    add('other', { backend: 'nemo' });
    server.sendBookmarks();
    await clock.advance(5000);
    const before = server.requests.at(-1)?.query?.resourceVersion;
    server.endWatches();
    await clock.advance(0);
    expect(Number(server.requests.at(-1)?.query?.resourceVersion)).toBeGreaterThan(Number(before));
    expect(listsAndWatches()).toEqual(['list', 'watch', 'watch']);
  });

  it('says for how long it has been behind', async () => {
    expect(cache.behindForMs()).toBe(Number.POSITIVE_INFINITY);
    await cache.open();
    await clock.advance(60_000);
    expect(cache.behindForMs()).toBe(0);
    server.before = () => {
      throw new ApiError('away', {});
    };
    server.breakWatches();
    await clock.advance(20_000);
    expect(cache.behindForMs()).toBe(20_000);
    server.before = () => {};
    await clock.advance(10_000);
    expect(cache.behindForMs()).toBe(0);
  });

  it('leaves nothing alive when it is closed', async () => {
    await cache.open();
    await cache.close();
    await cache.close();
    expect(server.watchCount).toBe(0);
    expect(clock.timerCount).toBe(0);
    expect(names()).toEqual([]);
  });
});
