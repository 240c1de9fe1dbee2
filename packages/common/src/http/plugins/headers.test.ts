import fastify from 'fastify';
import { expect, test } from 'vitest';
import { registerHeaders } from './headers.ts';

test('every answer tells browsers to be careful', async () => {
  const app = fastify({ genReqId: () => 'mine' });
  registerHeaders(app);
  app.get('/', async () => 'ok');
  const { headers } = await app.inject('/');
  expect(headers).toMatchObject({
    'x-request-id': 'mine',
    'content-security-policy':
      "default-src 'self';base-uri 'self';form-action 'self';frame-ancestors 'self';img-src 'self' data:;object-src 'none';script-src-attr 'none';style-src 'self' 'unsafe-inline'",
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'origin-agent-cluster': '?1',
    'referrer-policy': 'no-referrer',
    'strict-transport-security': 'max-age=31536000; includeSubDomains',
    'x-content-type-options': 'nosniff',
    'x-dns-prefetch-control': 'off',
    'x-download-options': 'noopen',
    'x-frame-options': 'SAMEORIGIN',
    'x-permitted-cross-domain-policies': 'none',
    'x-xss-protection': '0',
  });
  expect(headers).not.toHaveProperty('x-powered-by');
  await app.close();
});
