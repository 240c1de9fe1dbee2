import { expect, test } from 'vitest';
import { buildHostsFile } from './hosts-file.ts';
import type { Pod } from './pod.ts';

function pod(uid: string, spec: Partial<Pod['spec']>, namespace = 'ns'): Pod {
  return { metadata: { name: `pod-${uid}`, namespace, uid }, spec: { containers: [], ...spec } };
}

test('a pod knows itself and those that a headless Service of its namespace names', () => {
  const own = { pod: pod('1', { hostname: 'a', subdomain: 'group' }), ip: '10.0.0.2' };
  const all = [
    own,
    { pod: pod('2', { hostname: 'b', subdomain: 'group' }), ip: '10.0.0.3' },
    { pod: pod('3', {}), ip: '10.0.0.4' },
    { pod: pod('4', { hostname: 'c', subdomain: 'group' }, 'other'), ip: '10.0.0.5' },
  ];
  const names = (host: string) =>
    `${host}.group.ns.svc.cluster.local ${host}.group.ns.svc ${host}.group.ns ${host}.group`;
  expect(buildHostsFile(own, all)).toBe(
    `127.0.0.1\tlocalhost\n10.0.0.2\t${names('a')} a\n10.0.0.3\t${names('b')}\n`,
  );
});

test('a pod is known to itself by its name, and by its hostAliases whom it likes', () => {
  const hostAliases = [{ ip: '1.2.3.4', hostnames: ['x', 'y'] }];
  const own = { pod: pod('1', { hostAliases }), ip: '10.0.0.2' };
  expect(buildHostsFile(own, [own])).toBe('127.0.0.1\tlocalhost\n10.0.0.2\tpod-1\n1.2.3.4\tx y\n');
});
