import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { type Fault, FaultProxy } from '../../test/cluster/fault-proxy.ts';
import { TestCluster } from '../../test/cluster/test-cluster.ts';
import { eventually } from '../../test/eventually.ts';
import { systemClock } from '../clock.ts';
import type { ApiClient } from './api-client.ts';
import { createApiClient } from './http-client.ts';
import { Informer, type ListWatchOptions } from './informer.ts';
import type { CachedObject } from './object-store.ts';

interface ConfigMap extends CachedObject {
  readonly data?: Readonly<Record<string, string>>;
}

const RULES = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'watch'] }];
const rejections: unknown[] = [];
process.on('unhandledRejection', (reason) => rejections.push(reason));

let cluster: TestCluster;
let proxy: FaultProxy;
let client: ApiClient;
let path: string;
let label: string;
let opened: Informer<ConfigMap, ConfigMap>[];

beforeAll(async () => {
  cluster = await TestCluster.create(inject('kubeconfigPath'));
  path = `/api/v1/namespaces/${cluster.namespace}/configmaps`;
});
afterAll(() => cluster.close());

beforeEach(async () => {
  proxy = await FaultProxy.open(cluster.server);
  const changes = { server: proxy.url, 'insecure-skip-tls-verify': true };
  client = await createApiClient({ kubeconfigPath: await cluster.createAccount(RULES, changes) });
  label = randomUUID().slice(0, 8);
  opened = [];
});

afterEach(async () => {
  await Promise.all(opened.map((each) => each.close()));
  await untilCalls(() => proxy.watchCount === 0);
  await client.close();
  await proxy.close();
  expect(rejections).toStrictEqual([]);
});

function make(options: Partial<ListWatchOptions<ConfigMap, ConfigMap>> = {}) {
  const made = new Informer<ConfigMap, ConfigMap>({
    client,
    clock: systemClock,
    random: Math.random,
    logger: pino({ level: 'silent' }),
    path,
    labelSelector: `suite=${label}`,
    keep: (object) => object,
    ...options,
  });
  opened.push(made);
  return made;
}

async function create(name: string, data = {}): Promise<ConfigMap> {
  const metadata = { name, labels: { suite: label } };
  return cluster.admin.call<ConfigMap>({ method: 'POST', path, body: { metadata, data } });
}

async function remove(name: string): Promise<void> {
  await cluster.admin.call({ method: 'DELETE', path: `${path}/${name}` });
}

function until(watch: Informer<ConfigMap, ConfigMap>, check: () => boolean): Promise<void> {
  return eventually((tell) => watch.watch(tell), check);
}

describe('Informer', () => {
  it('lists in pages what is there, then follows what comes', async () => {
    const names = Array.from({ length: 260 }, (_, index) => `${label}-${index}`);
    await Promise.all(names.map((name) => create(name)));
    const watch = make();
    await watch.open();
    expect([...watch.values()].map(({ metadata }) => metadata.name).sort()).toEqual(names.sort());
    expect(watch.size).toBe(260);
    expect(proxy.calls.filter((call) => call === 'list')).toHaveLength(2);
    const appears = until(watch, () => watch.get(`${label}-new`) !== undefined);
    await create(`${label}-new`);
    await appears;
    const goes = until(watch, () => watch.get(`${label}-0`) === undefined);
    await remove(`${label}-0`);
    await goes;
    expect(watch.behindForMs()).toBe(0);
  });

  it('sees neither data nor what bears other labels when told so', async () => {
    const watch = make({ metadataOnly: true });
    await watch.open();
    const appears = until(watch, () => watch.size > 0);
    const metadata = { name: `${label}-other`, labels: { suite: 'other' } };
    await cluster.admin.call({ method: 'POST', path, body: { metadata } });
    const created = await create(label, { secret: 'x' });
    await appears;
    expect([...watch.values()]).toMatchObject([{ metadata: { uid: created.metadata.uid } }]);
    expect(watch.get(label)?.data).toBeUndefined();
  });

  it.each(['reset', 'end', 'malformed', 'gone', 'silence'] as const)(
    'finds out what changed while its watch was broken by: %s',
    async (how) => {
      await create(`${label}-goes`);
      await create(`${label}-stays`);
      const watch = make({ silenceMs: 1000 });
      await watch.open();
      const lists = () => proxy.calls.filter((call) => call === 'list').length;
      const before = lists();
      const settled = until(
        watch,
        () => watch.get(`${label}-goes`) === undefined && watch.get(`${label}-new`) !== undefined,
      );
      const gone: string[] = [];
      watch.watch(({ name, value }) => value ?? gone.push(name));
      await untilWatching(watch);
      proxy.breakWatches('silence');
      await remove(`${label}-goes`);
      await create(`${label}-new`);
      proxy.breakWatches(how);
      await settled;
      expect(gone).toStrictEqual([`${label}-goes`]);
      expect(watch.get(`${label}-stays`)).toBeDefined();
      expect(lists()).toBeGreaterThan(before);
    },
  );

  it.each([
    ['list', 500],
    ['watch', 500],
    ['list', 'reset'],
    ['watch', 'reset'],
    ['list', 403],
    ['watch', 403],
    ['watch', 'gone'],
  ] satisfies [string, Fault][])('outlives a %s that fails with %s', async (call, fault) => {
    proxy.fault = (each) => (each === call ? fault : undefined);
    const watch = make();
    await watch.open();
    const failed = proxy.calls.filter((each) => each === call).length;
    expect(watch.behindForMs()).toBeGreaterThan(0);
    await untilCalls(() => proxy.calls.filter((each) => each === call).length > failed + 1);
    expect(watch.behindForMs()).toBeGreaterThan(0);
    const appears = until(watch, () => watch.get(label) !== undefined);
    proxy.fault = () => undefined;
    await create(label);
    await appears;
    await untilWatching(watch);
  });

  it('tells of everything at a periodic list, and of nothing twice otherwise', async () => {
    await create(label);
    const watch = make({ resyncMs: 1000 });
    const told: string[] = [];
    const again = until(watch, () => told.length >= 3);
    watch.watch(({ name, value, previous }) => {
      told.push(`${name} ${value === previous}`);
    });
    await watch.open();
    await again;
    expect(told.slice(0, 3)).toStrictEqual([`${label} false`, `${label} true`, `${label} true`]);
  });

  it('goes on after a listener or its own filter has thrown', async () => {
    const watch = make({
      keep: (object) => {
        if (object.metadata.name.endsWith('bad')) throw new Error('cannot be kept');
        return object;
      },
    });
    watch.watch(() => {
      throw new Error('the listener failed');
    });
    await watch.open();
    const appears = until(watch, () => watch.get(`${label}-good`) !== undefined);
    await create(`${label}-bad`);
    await create(`${label}-good`);
    await appears;
    expect(watch.get(`${label}-bad`)).toBeUndefined();
  });

  it('can be closed at any moment, and forgets everything', async () => {
    await create(label);
    const watch = make();
    const opening = watch.open();
    await watch.close();
    await opening;
    expect(watch.size).toBe(0);
    expect(watch.behindForMs()).toBe(Number.POSITIVE_INFINITY);
    // A list that is under way when the next run begins must not become that run's.
    const first = watch.open();
    const closing = watch.close();
    const second = watch.open();
    await Promise.all([first, closing, second]);
    expect(watch.get(label)).toBeDefined();
    await untilWatching(watch);
    await watch.close();
    await untilCalls(() => proxy.watchCount === 0);
    proxy.fault = () => 500;
    await watch.open();
    await watch.close();
  });
});

/** For what nobody announces; the test's own time limit ends a wait in vain. */
async function untilCalls(check: () => boolean): Promise<void> {
  while (!check()) await new Promise((resolve) => setImmediate(resolve));
}

function untilWatching(watch: Informer<ConfigMap, ConfigMap>): Promise<void> {
  return untilCalls(() => watch.behindForMs() === 0);
}
