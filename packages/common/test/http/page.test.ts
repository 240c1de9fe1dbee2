import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import { readPageFiles } from '../../src/http/routes/page-files.ts';
import { startTestService, TestBackend, type TestService } from '../start-test-service.ts';

const PEERS = 'meta=https://meta.example,test=https://test.example';
const DOCUMENT = '<script type="application/json">{"settings":"of the service"}</script>';

let folder: string;
let service: TestService;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'page-'));
  await writeFile(join(folder, 'index.html'), DOCUMENT);
  await writeFile(join(folder, 'main.js'), `// ${'long '.repeat(100)}`);
  await writeFile(join(folder, '.built'), 'a stamp');
  service = await startTestService({
    env: { TRAINER_API_TOKEN: 't', TRAINER_PEERS: PEERS },
    backend: Object.assign(new TestBackend(), { title: '</script>' }),
    pageFolder: pathToFileURL(`${folder}/`),
  });
});
afterAll(async () => {
  await service.close();
  await rm(folder, { recursive: true });
});

it('is served without a token, with the settings that it needs', async () => {
  const { status, headers, text } = await service.request('/');
  expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  const [, json = ''] = /json">(.*)<\/script>$/.exec(text) ?? [];
  expect(json).not.toContain('<');
  expect(JSON.parse(json)).toEqual({
    service: 'test',
    title: '</script>',
    peers: [{ name: 'meta', origin: 'https://meta.example' }],
  });
});

it('may load its own files and ask this service and its peers, nothing else', async () => {
  const { headers } = await service.request('/');
  expect(headers.get('content-security-policy')?.split(';')).toEqual([
    "default-src 'none'",
    "base-uri 'none'",
    "connect-src 'self' https://meta.example https://test.example",
    "form-action 'none'",
    "frame-ancestors 'self'",
    "img-src 'self'",
    "script-src 'self'",
    "style-src 'self'",
  ]);
  expect(headers.get('x-content-type-options')).toBe('nosniff');
});

it('is asked for anew at each load, and sent only when it has changed', async () => {
  const first = await service.request('/page/main.js');
  expect(first.headers.get('content-encoding')).toBe('gzip');
  expect(first.headers.get('cache-control')).toBe('no-cache');
  expect(first.text).toContain('long long');
  const plain = await service.request('/page/main.js', {
    headers: { 'accept-encoding': 'identity' },
  });
  expect(plain.headers.has('content-encoding')).toBe(false);
  expect(plain.text).toBe(first.text);
  const etag = first.headers.get('etag') ?? '';
  const again = await service.request('/page/main.js', { headers: { 'if-none-match': etag } });
  expect([again.status, again.text]).toEqual([304, '']);
});

it('has no other files', async () => {
  for (const path of ['/page', '/page/.built', '/page/index.html', '/page/..%2fx']) {
    expect(`${path} ${(await service.request(path)).status}`).toBe(`${path} 404`);
  }
});

it('is not there where it was not built', async () => {
  const settings = { service: 'test', title: 'Test', peers: [] };
  expect(await readPageFiles(pathToFileURL(`${folder}/nowhere/`), settings)).toEqual([]);
  await using bare = await startTestService();
  expect((await bare.request('/')).status).toBe(404);
});

it.each(['meta', 'meta=meta.example', 'meta=https://meta.example/', 'Meta=https://x.example'])(
  'does not take %s for a peer',
  (text) => {
    expect(() => parseConfig(new TestBackend().defaults, { TRAINER_PEERS: text })).toThrow(
      /TRAINER_PEERS is .*; it must be a name and an origin/,
    );
  },
);
