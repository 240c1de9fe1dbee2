import { expect, test } from 'vitest';
import { MissingReferenceError, resolveEnvironment } from './container-environment.ts';
import type { ContainerSpec, Pod } from './pod.ts';

const OBJECTS: Record<string, Record<string, string>> = {
  'Secret keys': { token: 's3cr3t', A: 'from the secret' },
  'ConfigMap settings': { mode: 'fast' },
};
const place = { podIp: '10.0.0.2', hostIp: '10.0.0.1', nodeName: 'n', allocatable: { cpu: '4' } };

function resolve(container: Partial<ContainerSpec>, ofImage: Record<string, string> = {}) {
  const whole = { name: 'main', image: 'i', ...container };
  const pod: Pod = {
    metadata: { name: 'p', namespace: 'ns', uid: 'u', annotations: { 'a/b': 'noted' } },
    spec: { containers: [whole] },
  };
  const readKeys = async (kind: string, _: string, name: string) => {
    const found = OBJECTS[`${kind} ${name}`];
    if (found === undefined) return undefined;
    return Object.fromEntries(
      Object.entries(found).map(([key, value]) => [key, Buffer.from(value)]),
    );
  };
  return resolveEnvironment({ readKeys }, pod, whole, place, ofImage);
}

test('env replaces envFrom, which replaces what the image brings', async () => {
  const envFrom = [
    { secretRef: { name: 'keys' } },
    { prefix: 'P_', configMapRef: { name: 'settings' } },
  ];
  const env = [{ name: 'token', value: 'own' }];
  const image = { A: 'of the image', OTHER: 'kept' };
  expect(await resolve({ envFrom, env }, image)).toEqual({
    ...{ A: 'from the secret', OTHER: 'kept', token: 'own', P_mode: 'fast' },
  });
});

test('a reference sees variables before it, and none that only the image has', async () => {
  const env = [
    { name: 'EARLY', value: '$(LATE)' },
    { name: 'LATE', value: 'late' },
    { name: 'BOTH', value: '$(EARLY) $(LATE) $(OTHER)' },
  ];
  const { EARLY, BOTH } = await resolve({ env }, { OTHER: 'image' });
  expect(EARLY).toBe('$(LATE)');
  expect(BOTH).toBe('$(LATE) late $(OTHER)');
});

test('fields and resources are of the pod, and a limit that is not set is the node’s room', async () => {
  const field = (name: string, fieldPath: string) => ({
    name,
    valueFrom: { fieldRef: { fieldPath } },
  });
  const resource = (name: string, of: string, divisor: string) => ({
    ...{ name, valueFrom: { resourceFieldRef: { resource: of, divisor } } },
  });
  const env = [
    field('IP', 'status.podIP'),
    field('NOTE', "metadata.annotations['a/b']"),
    field('NODE', 'spec.nodeName'),
    resource('MEMORY', 'limits.memory', '1Mi'),
    resource('CPU', 'limits.cpu', '1'),
  ];
  const resources = { limits: { memory: '1536Ki' } };
  expect(await resolve({ env, resources })).toEqual({
    ...{ IP: '10.0.0.2', NOTE: 'noted', NODE: 'n', MEMORY: '2', CPU: '4' },
  });
});

test.each([
  ['secret "gone" not found', { name: 'gone', key: 'k' }],
  ["couldn't find key k in Secret ns/keys", { name: 'keys', key: 'k' }],
])('%s, unless it is optional', async (message, reference) => {
  const env = (optional: boolean) => [
    { name: 'A', valueFrom: { secretKeyRef: { ...reference, optional } } },
  ];
  await expect(resolve({ env: env(false) })).rejects.toThrow(new MissingReferenceError(message));
  expect(await resolve({ env: env(true) })).toEqual({});
});
