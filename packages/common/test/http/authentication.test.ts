import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import { startTestService, TestBackend, type TestService } from '../start-test-service.ts';

const TOKEN = 'first-token';
const ROUTES = [
  ['POST', '/train'],
  ['POST', '/plans'],
  ['GET', '/train'],
  ['GET', '/train/x'],
  ['HEAD', '/train/x'],
  ['POST', '/train/x/cancel'],
  ['DELETE', '/train/x'],
  ['PATCH', '/train/x/callbacks'],
  ['POST', '/deliveries/replay'],
  ['GET', '/deliveries'],
  ['GET', '/train/x/deliveries'],
  ['GET', '/train/x/metrics'],
  ['POST', '/train/x/deliveries/replay'],
] as const;

let service: TestService;
beforeAll(async () => {
  service = await startTestService({
    env: {
      TRAINER_API_TOKEN: ` ${TOKEN}, second-token `,
      TRAINER_READ_TOKENS: 'reader, other-reader',
    },
  });
});
afterAll(() => service.close());

const own = (token: string) => ({ 'X-TRAINER-TOKEN': token });
const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

/** All of these come after authentication. */
const LET_IN = [200, 400, 404, 415];

describe.each(ROUTES)('%s %s', (method, path) => {
  const ask = (headers: Record<string, string>) => service.request(path, { method, headers });

  it.each([
    ['X-TRAINER-TOKEN', own(TOKEN)],
    ['Authorization', bearer(TOKEN)],
    ['authorization of any case', { authorization: `bearer ${TOKEN}` }],
    ['the second token', own('second-token')],
    ['the second token as bearer', bearer('second-token')],
  ])('lets in with %s', async (_, headers) => {
    expect(LET_IN).toContain((await ask(headers)).status);
  });

  it.each(['reader', 'other-reader'])('lets %s read, and nothing else', async (token) => {
    for (const headers of [own(token), bearer(token)]) {
      const answer = await ask(headers);
      if (method === 'GET' || method === 'HEAD') expect(LET_IN).toContain(answer.status);
      else {
        expect([answer.status, answer.body.detail]).toEqual([
          403,
          `The token is only good for reading (GET and HEAD): ${method} needs one of TRAINER_API_TOKEN.`,
        ]);
      }
    }
  });

  it.each([
    ['no header', {}],
    ['an empty one', own('')],
    ['another scheme', { Authorization: `Basic ${btoa(`a:${TOKEN}`)}` }],
    ['a scheme without token', { Authorization: 'Bearer' }],
  ])('answers 401 to %s', async (_, headers) => {
    const answer = await ask(headers);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="trainer"');
    expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    if (method !== 'HEAD') expect(answer.body).toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it.each(['wrong', `${TOKEN}x`, TOKEN.slice(1), `${TOKEN},second-token`, '*'])(
    'answers 403 to the token %j',
    async (token) => {
      for (const headers of [own(token), bearer(token)]) {
        const answer = await ask(headers);
        expect(answer.status).toBe(403);
        if (method !== 'HEAD') expect(answer.body).toMatchObject({ code: 'FORBIDDEN' });
      }
    },
  );
});

it.each(['/healthz', '/readyz', '/metrics', '/openapi.json'])(
  'needs no token for %s, nor minds a wrong one',
  async (path) => {
    expect((await service.request(path)).status).toBe(200);
    expect((await service.request(path, { headers: own('wrong') })).status).toBe(200);
  },
);

it('reads no body before it knows who asks', async () => {
  const answer = await service.request('/train', { method: 'POST', body: '{' });
  expect(answer.status).toBe(401);
});

it('asks nobody for a token when none is set and only this machine can ask', async () => {
  await using open = await startTestService();
  expect((await open.request('/train/x')).status).toBe(404);
});

describe('without a token', () => {
  const parse = (env: Record<string, string>) => () => parseConfig(new TestBackend().defaults, env);

  it.each(['0.0.0.0', '::', '10.1.2.3', 'example.com', '127.0.0.1.example.com'])(
    'does not serve others on %s',
    (HOST) => {
      expect(parse({ HOST })).toThrow(/HOST .*TRAINER_API_TOKEN.*TRAINER_ALLOW_ANONYMOUS=true/);
      expect(parse({ HOST, TRAINER_API_TOKEN: ' , ' })).toThrow(/TRAINER_API_TOKEN/);
      expect(parse({ HOST, TRAINER_API_TOKEN: TOKEN })).not.toThrow();
      expect(parse({ HOST, TRAINER_ALLOW_ANONYMOUS: 'true' })).not.toThrow();
    },
  );
});

describe('tokens that only read', () => {
  const parse = (env: Record<string, string>) => () => parseConfig(new TestBackend().defaults, env);

  it('start no service that would let everyone do everything', () => {
    expect(parse({ TRAINER_READ_TOKENS: 'reader' })).toThrow(
      /^.*TRAINER_READ_TOKENS is set, but without TRAINER_API_TOKEN or TRAINER_API_TOKEN_FILE/s,
    );
    expect(parse({ TRAINER_READ_TOKENS_FILE: '/run/readers' })).toThrow(
      /TRAINER_READ_TOKENS_FILE is set, but without TRAINER_API_TOKEN/,
    );
    const anonymous = { TRAINER_READ_TOKENS: 'reader', TRAINER_ALLOW_ANONYMOUS: 'true' };
    expect(parse(anonymous)).toThrow(/TRAINER_READ_TOKENS is set/);
    expect(parse({ TRAINER_READ_TOKENS: 'reader', TRAINER_API_TOKEN: TOKEN })).not.toThrow();
  });

  it('may not be good for everything as well', () => {
    const both = { TRAINER_READ_TOKENS: `a,${TOKEN}`, TRAINER_API_TOKEN: TOKEN };
    expect(parse(both)).toThrow(/TRAINER_READ_TOKENS holds a token of TRAINER_API_TOKEN/);
    expect(parse(both)).not.toThrow(TOKEN);
  });
});

describe('a token file', () => {
  it('is read again when Kubernetes swaps the mounted Secret', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tokens-'));
    const publish = async (version: string, text: string) => {
      await mkdir(join(folder, version));
      await writeFile(join(folder, version, 'token'), text);
      await symlink(version, join(folder, '..data_tmp'));
      await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    };
    await publish('..v1', 'from-file-1\n');
    await symlink(join('..data', 'token'), join(folder, 'token'));
    const env = { TRAINER_API_TOKEN_FILE: join(folder, 'token'), TRAINER_API_TOKEN: TOKEN };
    await using other = await startTestService({ env });
    const status = async (token: string) =>
      (await other.request('/train/x', { headers: own(token) })).status;

    expect(await status('from-file-1')).toBe(404);
    expect(await status('from-file-2')).toBe(403);

    await publish('..v2', 'from-file-2,from-file-3');
    expect(await status('from-file-1')).toBe(403);
    expect(await status('from-file-2')).toBe(404);
    expect(await status('from-file-3')).toBe(404);
    expect(await status(TOKEN)).toBe(404);

    // A moment without a file, or with an empty one, locks nobody out.
    await publish('..v3', '\n');
    expect(await status('from-file-2')).toBe(404);
    await rm(join(folder, 'token'));
    expect(await status('from-file-2')).toBe(404);
    await rm(folder, { recursive: true });
  });

  it.each([
    ['is missing', undefined],
    ['is empty', ' \n'],
  ])('that %s keeps the service from starting', async (_, text) => {
    const folder = await mkdtemp(join(tmpdir(), 'tokens-'));
    const file = join(folder, 'token');
    if (text !== undefined) await writeFile(file, text);
    const starting = startTestService({ env: { TRAINER_API_TOKEN_FILE: file } });
    await expect(starting).rejects.toThrow(/TRAINER_API_TOKEN_FILE .* readable file/);
    await rm(folder, { recursive: true });
  });
});
