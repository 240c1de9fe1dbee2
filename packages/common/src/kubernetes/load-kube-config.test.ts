import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError } from '../config.ts';
import { loadKubeConfig } from './load-kube-config.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kube-config-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function load(user: object | undefined, server = 'https://cluster:6443') {
  const path = join(folder, 'config');
  const config = {
    'current-context': 'c',
    clusters: [{ name: 'k', cluster: { server } }],
    contexts: [{ name: 'c', context: { cluster: 'k', ...(user && { user: 'me' }) } }],
    users: user === undefined ? [] : [{ name: 'me', user }],
  };
  await writeFile(path, JSON.stringify(config));
  return loadKubeConfig(path);
}

const authorizationOf = async (config: Awaited<ReturnType<typeof load>>) => {
  const options: { headers?: Record<string, string> } = {};
  await config.applyToHTTPSOptions(options);
  return options.headers?.Authorization?.trim();
};

describe('a tokenFile', () => {
  it('is honoured, also with a path that begins at the kubeconfig', async () => {
    await writeFile(join(folder, 'token'), 'from-file');
    expect(await authorizationOf(await load({ tokenFile: 'token' }))).toBe('Bearer from-file');
    const absolute = join(folder, 'token');
    expect(await authorizationOf(await load({ tokenFile: absolute, token: 'old' }))).toBe(
      'Bearer from-file',
    );
  });
});

describe('a kubeconfig that does not say who we are', () => {
  it.each([
    ['an empty user', {}, 'Its user me has no credentials'],
    ['no user', undefined, 'Its current context names no user'],
  ])('with %s is refused', async (_, user, sentence) => {
    const refusal = load(user);
    await expect(refusal).rejects.toThrow(ConfigError);
    await expect(refusal).rejects.toThrow(sentence);
  });

  it('is taken where a proxy in between knows', async () => {
    await expect(load(undefined, 'http://127.0.0.1:8001')).resolves.toBeDefined();
  });
});

it.each([
  ['a token', { token: 't' }],
  ['a certificate', { 'client-certificate-data': 'Yw==', 'client-key-data': 'aw==' }],
  ['an exec plugin', { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'x' } }],
  ['a password', { username: 'u', password: 'p' }],
])('%s says who we are', async (_, user) => {
  await expect(load(user)).resolves.toBeDefined();
});
