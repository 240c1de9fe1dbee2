import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { createSigner } from './signature.ts';

const toSecret = (bytes: Uint8Array) => `whsec_${Buffer.from(bytes).toString('base64')}`;
const OLD = toSecret(Buffer.alloc(24, 1));
const NEW = toSecret(Buffer.alloc(32, 2));
const MESSAGE = { id: 'msg_1', atMs: Date.now(), body: '{"status":"running"}' };

describe('createSigner', () => {
  it('gives the signature of the specification of Standard Webhooks', () => {
    const sign = createSigner(['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw']);
    const body = '{"test": 2432232314}';
    expect(sign({ id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', atMs: 1_614_265_330_999, body })).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it('signs with every secret, so that a receiver may know either', () => {
    const headers = createSigner([OLD, NEW.replace('whsec_', '')])(MESSAGE);
    for (const secret of [OLD, NEW]) {
      expect(new Webhook(secret).verify(MESSAGE.body, headers)).toEqual({ status: 'running' });
    }
    const stranger = new Webhook(toSecret(Buffer.alloc(24, 3)));
    expect(() => stranger.verify(MESSAGE.body, headers)).toThrow('No matching signature');
    expect(() => new Webhook(OLD).verify(`${MESSAGE.body} `, headers)).toThrow();
  });

  it('agrees with the public library on any secret, id and text', () => {
    const bytes = fc.uint8Array({ minLength: 24, maxLength: 64 });
    const text = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(bytes, fc.uuid(), text, (secretBytes, id, value) => {
        const secret = toSecret(secretBytes);
        const body = JSON.stringify({ value });
        const headers = createSigner([secret])({ id, atMs: Date.now(), body });
        expect(new Webhook(secret).verify(body, headers)).toEqual({ value });
      }),
    );
  });

  it('names the event but signs nothing without a secret', () => {
    expect(Object.keys(createSigner([])(MESSAGE))).toEqual(['webhook-id', 'webhook-timestamp']);
  });

  it.each(['', 'whsec_', 'whsec_not base64', 'pässword'])(
    'refuses %j without repeating it',
    (secret) => {
      expect(() => createSigner([secret])).toThrow(
        new TypeError('A signing secret is not base64.'),
      );
    },
  );
});
