import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { FaultProxy } from '../../test/cluster/fault-proxy.ts';
import { TestCluster } from '../../test/cluster/test-cluster.ts';
import { systemClock } from '../clock.ts';
import { createApiClient } from './http-client.ts';
import { LeaseLeadership } from './lease.ts';
import type { Lease } from './lease-state.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.create(inject('kubeconfigPath'));
});
afterAll(() => cluster.close());

async function makeReplica(backend: string, server?: string) {
  const changes = server ? { server, 'insecure-skip-tls-verify': true } : {};
  const kubeconfigPath = await cluster.createAccount(undefined, changes);
  const client = await createApiClient({ kubeconfigPath });
  const leadership = new LeaseLeadership({
    client,
    clock: systemClock,
    logger: pino({ level: 'silent' }),
    backend,
    namespace: cluster.namespace,
  });
  const close = async () => {
    await leadership.close();
    await client.close();
  };
  return { leadership, close };
}

function leads({ leadership }: { leadership: LeaseLeadership }): Promise<void> {
  if (leadership.isLeader()) return Promise.resolve();
  return new Promise((resolve) => {
    const unwatch = leadership.watch((isLeader) => {
      if (!isLeader) return;
      unwatch();
      resolve();
    });
  });
}

function pathOf(backend: string): string {
  const { namespace } = cluster;
  return `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/trainer-${backend}`;
}

describe('LeaseLeadership on the real API server', () => {
  it('has one leader of many that start at once, and the next within 3 s of its close', async () => {
    const replicas = await Promise.all(Array.from({ length: 4 }, () => makeReplica('close')));
    await Promise.all(replicas.map(({ leadership }) => leadership.open()));
    const first = replicas.filter(({ leadership }) => leadership.isLeader());
    expect(first).toHaveLength(1);
    const before = first[0]?.leadership.nextSequence() ?? 0;
    expect(before).toBeGreaterThan(0);
    const rest = replicas.filter((replica) => replica !== first[0]);
    const closedAtMs = performance.now();
    await first[0]?.close();
    await Promise.race(rest.map(leads));
    expect(performance.now() - closedAtMs).toBeLessThan(3000);
    const second = rest.filter(({ leadership }) => leadership.isLeader());
    expect(second).toHaveLength(1);
    expect(second[0]?.leadership.nextSequence()).toBeGreaterThan(before);
    await Promise.all(rest.map(({ close }) => close()));
    const { spec } = await cluster.admin.call<Lease>({ method: 'GET', path: pathOf('close') });
    expect(spec?.holderIdentity ?? '').toBe('');
  });

  it('never has two leaders when one is cut off, and the next within 18 s', async () => {
    const proxy = await FaultProxy.open(cluster.server);
    const [cut, other] = await Promise.all([makeReplica('cut', proxy.url), makeReplica('cut')]);
    await cut.leadership.open();
    await other.leadership.open();
    const before = cut.leadership.nextSequence();
    expect([cut.leadership.isLeader(), other.leadership.isLeader()]).toEqual([true, false]);
    const cutAtMs = performance.now();
    proxy.fault = () => 'reset';
    let overlaps = 0;
    const stop = other.leadership.watch((isLeader) => {
      if (isLeader && cut.leadership.isLeader()) overlaps += 1;
    });
    await leads(other);
    stop();
    expect(performance.now() - cutAtMs).toBeLessThan(18_000);
    expect(overlaps).toBe(0);
    expect(cut.leadership.isLeader()).toBe(false);
    expect(other.leadership.nextSequence()).toBeGreaterThan(before);
    await Promise.all([cut.close(), other.close()]);
    await proxy.close();
  });

  it('leads again, with larger numbers, after somebody deleted its Lease', async () => {
    const replica = await makeReplica('deleted');
    await replica.leadership.open();
    const before = replica.leadership.nextSequence();
    const lost = new Promise<void>((resolve) => {
      replica.leadership.watch((isLeader) => isLeader || resolve());
    });
    await cluster.admin.call({ method: 'DELETE', path: pathOf('deleted') });
    await lost;
    await leads(replica);
    expect(replica.leadership.nextSequence()).toBeGreaterThan(before);
    await replica.close();
  });

  it('never numbers backwards, whoever is quickest after somebody deletes the Lease', async () => {
    const replicas = await Promise.all(Array.from({ length: 3 }, () => makeReplica('numbers')));
    const numbers: number[] = [];
    const takeNumber = () => {
      const leader = replicas.find(({ leadership }) => leadership.isLeader());
      if (leader !== undefined) numbers.push(leader.leadership.nextSequence());
    };
    await Promise.all(replicas.map(({ leadership }) => leadership.open()));
    for (let round = 0; round < 3; round += 1) {
      takeNumber();
      const changed = Promise.race(
        replicas.map(
          ({ leadership }) =>
            new Promise<void>((resolve) => {
              const unwatch = leadership.watch((isLeader) => {
                if (!isLeader) return;
                takeNumber();
                unwatch();
                resolve();
              });
            }),
        ),
      );
      await cluster.admin.call({ method: 'DELETE', path: pathOf('numbers') });
      await changed;
      expect(replicas.filter(({ leadership }) => leadership.isLeader())).toHaveLength(1);
      takeNumber();
    }
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    await Promise.all(replicas.map(({ close }) => close()));
  });
});
