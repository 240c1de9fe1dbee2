import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { createSigner } from '@trainer/common/testing/internals';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

// The page's two snippets, run as they stand there.

const SECRET = `whsec_${Buffer.from('a secret of at least 24 bytes').toString('base64')}`;
const OLD_SECRET = `whsec_${Buffer.from('another secret, being rotated').toString('base64')}`;
const BODY = '{"job_id":"größe","status":"succeeded"}';
const AT_MS = 1_700_000_000_000;
const headers = createSigner([OLD_SECRET, SECRET])({ id: 'msg_1', atMs: AT_MS, body: BODY });

interface Case {
  readonly name: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly secret?: string;
  readonly now?: number;
  readonly expected: boolean;
}
const CASES: readonly Case[] = [
  { name: 'a callback as it was sent', expected: true },
  { name: 'signed with the older of two secrets', secret: OLD_SECRET, expected: true },
  { name: 'a changed body', body: `${BODY} `, expected: false },
  { name: 'another id', headers: { ...headers, 'webhook-id': 'msg_2' }, expected: false },
  { name: 'an unknown secret', secret: 'whsec_AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH', expected: false },
  { name: 'one of ten minutes ago', now: AT_MS / 1000 + 600, expected: false },
  { name: 'one of ten minutes ahead', now: AT_MS / 1000 - 600, expected: false },
  { name: 'no signature', headers: { ...headers, 'webhook-signature': '' }, expected: false },
  { name: 'no headers', headers: {}, expected: false },
];

let folder: string;
let page: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'callbacks-page-'));
  page = await readFile(new URL('../docs/CALLBACKS.md', import.meta.url), 'utf8');
});
afterAll(() => rm(folder, { recursive: true }));

function snippet(language: string): string {
  const found = page.split(`\`\`\`${language}\n`)[1]?.split('```')[0];
  if (found === undefined) throw new Error(`The page has no snippet in ${language}.`);
  return found;
}

const filled = (given: Case) => ({
  body: BODY,
  headers,
  secret: SECRET,
  now: AT_MS / 1000,
  ...given,
});

describe('TypeScript', () => {
  test.each(CASES)('$name: $expected', async (given) => {
    const path = join(folder, 'snippet.ts');
    await writeFile(path, snippet('ts'));
    const script = `import { isAuthentic } from ${JSON.stringify(pathToFileURL(path).href)};
      const { body, headers, secret, now } = ${JSON.stringify(filled(given))};
      console.log(isAuthentic(body, headers, secret, now));`;
    const args = ['--input-type=module', '--eval', script];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    expect(stdout.trim()).toBe(String(given.expected));
  });
});

const hasPython = spawnSync('python3', ['-c', 'import sys; assert sys.version_info >= (3, 10)']);

describe.runIf(hasPython.status === 0)('Python', () => {
  test.each(CASES)('$name: $expected', async (given) => {
    const script = `${snippet('python')}
import json, sys
case = json.loads(sys.argv[1])
print(is_authentic(case["body"].encode(), case["headers"], case["secret"], case["now"]))`;
    const args = ['-c', script, JSON.stringify(filled(given))];
    const { stdout } = await promisify(execFile)('python3', args);
    expect(stdout.trim()).toBe(given.expected ? 'True' : 'False');
  });
});
