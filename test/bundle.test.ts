import { execFile } from 'node:child_process';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { findFreePort } from '@trainer/common/testing';
import { services } from '@trainer/services';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NODE_OPTIONS } from '../scripts/node-options.mjs';
import { makeCleanCopy } from './clean-copy.ts';
import { type ImageSpec, isIgnored, readDockerfile } from './dockerfile.ts';
import { ImageFolder } from './image-folder.ts';

// No container engine is needed: a container of the image would see these files, this user, this
// environment and this command, all read from the Dockerfile.
const dockerfile = await readFile('Dockerfile', 'utf8');
const MAX_BYTES = 10_000_000;

/** Node itself then refuses to write any file, even in folders that are open to all. */
const WRITES_NOTHING = { NODE_OPTIONS: '--permission --allow-fs-read=*' };

const builds = new Map<string, string>();
let copy: Awaited<ReturnType<typeof makeCleanCopy>>;

beforeAll(async () => {
  copy = await makeCleanCopy();
  const dockerignore = await readFile('.dockerignore', 'utf8');
  for (const path of await readdir(copy.folder, { recursive: true })) {
    if (isIgnored(dockerignore, path))
      await rm(join(copy.folder, path), { recursive: true, force: true });
  }
  for (const { folder } of services) {
    const spec = readDockerfile(dockerfile, folder);
    await promisify(execFile)('sh', ['-c', spec.buildCommand], { cwd: copy.folder });
    builds.set(folder, toBuild(spec));
  }
}, 600_000);
afterAll(() => copy[Symbol.asyncDispose]());

/** The copied folder's path in the stage begins with that of the build's folder, the copy here. */
function toBuild({ copied, buildFolder }: ImageSpec): string {
  const inside = `${buildFolder}/`;
  if (!copied.startsWith(inside)) throw new Error(`${copied} is not in ${buildFolder}`);
  return join(copy.folder, copied.slice(inside.length));
}

test('the base image is one release of the Node that everything is tested with', () => {
  const { baseImage } = readDockerfile(dockerfile, 'nemo-api');
  expect(baseImage).toBe(`node:${process.versions.node}-slim`);
});

test('the images have the settings of V8 that services are started with elsewhere', () => {
  expect(readDockerfile(dockerfile, 'nemo-api').env.NODE_OPTIONS).toBe(NODE_OPTIONS);
});

describe.each(services)('the image of $folder', ({ folder, port }) => {
  const spec = readDockerfile(dockerfile, folder);
  const layOut = () => ImageFolder.create(spec, builds.get(folder) ?? '');

  test('names a user that is not root and needs no entry in a password file', () => {
    expect(spec.user.uid).toBeGreaterThan(0);
    expect(spec.user.gid).toBeGreaterThan(0);
  });

  test('holds the bundle, the docs page and the licences of what is in it, and little else', async () => {
    await using image = await layOut();
    const files = await image.listFiles();
    expect(files.filter((file) => !/^(chunk-\w+\.mjs|(static|dist)(\/.*)?)$/.test(file))).toEqual([
      'LICENSE',
      'THIRD_PARTY_LICENSES',
      'healthcheck.mjs',
      'run-shim.mjs',
      'server.mjs',
    ]);
    expect(await image.size()).toBeLessThan(MAX_BYTES);
    const licences = await image.read('THIRD_PARTY_LICENSES');
    for (const used of [
      'fastify',
      'zod',
      'preact',
      '@fastify/swagger-ui',
      '@kubernetes/client-node',
    ]) {
      expect(licences).toMatch(new RegExp(`^${used} \\d+\\.\\d+\\.\\d+ \\(`, 'm'));
    }
  });

  test('serves from read-only files as an unprivileged user, and ends on SIGTERM', async () => {
    await using image = await layOut();
    const PORT = await findFreePort();
    const env = { PORT, TRAINER_ALLOW_ANONYMOUS: 'true', ...WRITES_NOTHING };
    const service = image.start(spec.command, env);
    const url = `http://127.0.0.1:${PORT}`;
    await untilHealthy(url, service);

    if (process.platform === 'linux') {
      const status = await readFile(`/proc/${service.pid}/status`, 'utf8');
      const uid = process.getuid?.() || spec.user.uid;
      expect(status).toMatch(new RegExp(`^Uid:\t${uid}\t${uid}\t`, 'm'));
    }
    const body = await readFile(`services/${folder}/example.json`, 'utf8');
    const headers = { 'content-type': 'application/json' };
    const submitted = await fetch(`${url}/train`, { method: 'POST', headers, body });
    expect(await submitted.json()).toMatchObject({ status: 'submitted' });
    expect(submitted.status).toBe(200);

    for (const path of ['/', '/page/main.js', '/page/main.css', '/page/icon.svg']) {
      expect(`${path} ${(await fetch(`${url}${path}`)).status}`).toBe(`${path} 200`);
    }
    const page = await (await fetch(`${url}/docs/`)).text();
    const links = [...page.matchAll(/(?:href|src)="\.?\/?([^"]+)"/g)].map(([, link]) => link);
    expect(links.length).toBeGreaterThan(4);
    for (const link of links) {
      const answer = await fetch(new URL(link ?? '', `${url}/docs/`));
      expect(`${link} ${answer.status}`).toBe(`${link} 200`);
      expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(0);
    }

    const probe = image.start(spec.healthcheck, { PORT, ...WRITES_NOTHING });
    expect(await probe.ended, probe.output).toBe(0);
    service.kill('SIGTERM');
    expect(await service.ended, service.output).toBe(0);
    expect(await image.start(spec.healthcheck, { PORT }).ended).toBe(1);
  }, 60_000);

  test('is healthy only on its own port when PORT is not set', async () => {
    await using image = await layOut();
    const healthcheck = await image.read('healthcheck.mjs');
    expect(healthcheck).toContain(`PORT = ${port}`);
  });

  test('refuses to serve everyone unless told so', async () => {
    await using image = await layOut();
    const service = image.start(spec.command, { PORT: await findFreePort() });
    expect(await service.ended).toBe(1);
    expect(service.output).toMatch(/^HOST is 0\.0\.0\.0, .*no token is set/);
  });

  test('finds the Kubernetes client in a file that it loads in that mode only', async () => {
    await using image = await layOut();
    const env = { TRAINER_JOB_RUNNER: 'kubernetes', TRAINER_ALLOW_ANONYMOUS: 'true' };
    const service = image.start(spec.command, env);
    expect(await service.ended).toBe(1);
    expect(service.output).toMatch(/^No Kubernetes cluster is configured/);
    expect(await image.read('server.mjs')).not.toContain('class KubeConfig');
  });
});

test('a bundle starts soon', async () => {
  const spec = readDockerfile(dockerfile, 'nemo-api');
  await using image = await ImageFolder.create(spec, builds.get('nemo-api') ?? '');
  const times: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const PORT = await findFreePort();
    const startedAtMs = performance.now();
    const service = image.start(spec.command, { PORT, TRAINER_ALLOW_ANONYMOUS: 'true' });
    await untilHealthy(`http://127.0.0.1:${PORT}`, service);
    times.push(performance.now() - startedAtMs);
    service.kill('SIGTERM');
    expect(await service.ended).toBe(0);
  }
  const median = times.sort((a, b) => a - b)[2] ?? Number.NaN;
  const megabytes = (await image.size()) / 1e6;
  console.log(
    `nemo-api: ${megabytes.toFixed(1)} MB, healthy after ${median.toFixed(0)} ms (median)`,
  );
  expect(median).toBeLessThan(15_000);
}, 120_000);

async function untilHealthy(
  url: string,
  { ended, ...service }: { ended: Promise<unknown>; output: string },
) {
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  while (!isOver) {
    const answer = await fetch(`${url}/healthz`).catch(() => undefined);
    if (answer?.ok) return;
    await pause(5);
  }
  throw new Error(`the service ended: ${service.output}`);
}
