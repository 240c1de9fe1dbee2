import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import {
  makeRequest,
  startTestService,
  TestBackend,
  type TestService,
} from '../start-test-service.ts';

const PAGE = 'https://studio.example.com';
const EVIL = 'https://evil.example';

let open: TestService;
beforeAll(async () => {
  open = await startTestService();
});
afterAll(() => open.close());

/** Not fetch, which keeps Host and Origin to itself. */
async function ask(service: TestService, path: string, headers: Record<string, string>, body = '') {
  const method = body === '' ? 'GET' : 'POST';
  const answer = await request(`${service.url}${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    body: body === '' ? null : body,
  });
  const text = await answer.body.text();
  return { status: answer.statusCode, headers: answer.headers, text };
}

describe('on loopback without a token', () => {
  it.each([
    'localhost',
    'localhost:8081',
    'LOCALHOST:8081',
    'nemo.localhost:8081',
    '127.0.0.1',
    '127.0.0.1:1',
    '127.8.9.10',
    '[::1]:8081',
  ])('a request for %s is served', async (host) => {
    expect((await ask(open, '/train/x', { host })).status).toBe(404);
    expect((await ask(open, '/train/x', { origin: `http://${host}` })).status).toBe(404);
  });

  it.each([
    'evil.example',
    'evil.example:8081',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    'evil-localhost',
    '10.0.0.1',
    '128.0.0.1',
    '0.0.0.0',
    'host.docker.internal:8081',
    '[::2]',
  ])('a request for %s is a 403 that says how to allow it', async (host) => {
    const body = JSON.stringify(makeRequest({ job_id: 'rebound' }));
    for (const answer of [
      await ask(open, '/train', { host }, body),
      await ask(open, '/train/x', { host }),
      await ask(open, '/metrics', { host }),
      await ask(open, '/nowhere', { host }),
    ]) {
      expect(answer.status).toBe(403);
      expect(JSON.parse(answer.text)).toMatchObject({
        code: 'HOST_NOT_ALLOWED',
        detail: expect.stringMatching(/Host .* TRAINER_ALLOWED_HOSTS/),
      });
    }
    expect((await ask(open, '/train/rebound', {})).status).toBe(404);
  });

  it.each([EVIL, 'null', 'http://127.0.0.1.evil.example', 'file://'])(
    'a page of the origin %s is a 403',
    async (origin) => {
      const body = JSON.stringify(makeRequest({ job_id: 'crossed' }));
      const answer = await ask(open, '/train', { origin }, body);
      expect(answer.status).toBe(403);
      expect(JSON.parse(answer.text).detail).toMatch(/Origin .* TRAINER_ALLOWED_HOSTS/);
      expect((await ask(open, '/train/crossed', {})).status).toBe(404);
    },
  );

  it.each(['/healthz', '/readyz', '/healthz/'])('%s is served under any name', async (path) => {
    expect((await ask(open, path, { host: 'evil.example', origin: EVIL })).status).toBe(200);
  });

  it('TRAINER_ALLOWED_HOSTS adds names', async () => {
    const env = { TRAINER_ALLOWED_HOSTS: 'host.docker.internal, Studio.example.com' };
    await using service = await startTestService({ env });
    const status = async (headers: Record<string, string>) =>
      (await ask(service, '/train/x', headers)).status;
    expect(await status({ host: 'host.docker.internal:8081' })).toBe(404);
    expect(await status({ host: 'HOST.docker.internal', origin: PAGE })).toBe(404);
    expect(await status({ host: 'other.docker.internal' })).toBe(403);
    expect(await status({ host: 'host.docker.internal', origin: EVIL })).toBe(403);
  });
});

it('with a token, names do not matter', async () => {
  await using service = await startTestService({ env: { TRAINER_API_TOKEN: 't' } });
  const headers = { host: 'evil.example', origin: EVIL };
  expect((await ask(service, '/train/x', headers)).status).toBe(401);
  expect((await ask(service, '/train/x', { ...headers, 'x-trainer-token': 't' })).status).toBe(404);
});

describe('CORS', () => {
  const preflight = (service: TestService, origin: string, path = '/train') =>
    service.request(path, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'x-trainer-token,content-type',
      },
    });

  it('is off by default', async () => {
    await using service = await startTestService({ env: { TRAINER_API_TOKEN: 't' } });
    const answer = await preflight(service, PAGE);
    expect(answer.status).toBe(405);
    const get = await service.request('/train/x', { headers: { origin: PAGE } });
    for (const { headers } of [answer, get]) {
      expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
  });

  describe('with TRAINER_CORS_ORIGINS', () => {
    const env = {
      TRAINER_API_TOKEN: 't',
      TRAINER_CORS_ORIGINS: `http://localhost:3000,${PAGE}`,
    };
    let service: TestService;
    beforeAll(async () => {
      service = await startTestService({ env });
    });
    afterAll(() => service.close());

    it.each(['/train', '/train/x', '/train/x/cancel'])('answers preflights of %s', async (path) => {
      const { status, headers } = await preflight(service, PAGE, path);
      expect(status).toBe(204);
      expect(headers.get('access-control-allow-origin')).toBe(PAGE);
      expect(headers.get('access-control-allow-methods')).toBe('GET, HEAD, POST, PATCH, DELETE');
      expect(headers.get('access-control-allow-headers')).toContain('x-trainer-token');
      expect(headers.get('access-control-allow-credentials')).toBeNull();
      expect(headers.get('vary')).toContain('Origin');
    });

    it('lets such a page call and read, errors and the request id too', async () => {
      const headers = { origin: PAGE, 'x-trainer-token': 't' };
      const posted = await service.post('/train', makeRequest(), headers);
      const refused = await service.request('/train/nobody', { headers });
      const unasked = await service.request('/train/x', { headers: { origin: PAGE } });
      expect([posted.status, refused.status, unasked.status]).toEqual([200, 404, 401]);
      for (const answer of [posted, refused, unasked]) {
        expect(answer.headers.get('access-control-allow-origin')).toBe(PAGE);
        expect(answer.headers.get('access-control-expose-headers')).toContain('x-request-id');
      }
    });

    it('lets no other page', async () => {
      for (const answer of [
        await preflight(service, EVIL),
        await service.request('/train/x', { headers: { origin: EVIL } }),
      ]) {
        expect(answer.headers.has('access-control-allow-origin')).toBe(false);
      }
    });

    it('leaves an OPTIONS that is no preflight a 405', async () => {
      for (const headers of [{}, { 'content-type': 'application/json' }]) {
        const answer = await service.request('/train', { method: 'OPTIONS', headers });
        expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST, GET, HEAD']);
      }
    });
  });

  it.each(['*', 'studio.example.com', 'https://studio.example.com/', 'https://*.example.com'])(
    'does not take %s for an origin',
    (TRAINER_CORS_ORIGINS) => {
      expect(() => parseConfig(new TestBackend().defaults, { TRAINER_CORS_ORIGINS })).toThrow(
        /TRAINER_CORS_ORIGINS is .*; it must be one origin such as/,
      );
    },
  );
});
