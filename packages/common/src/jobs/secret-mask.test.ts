import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SecretMask } from './secret-mask.ts';

const SECRET = 'hf_Ab/3+x"y&z 9';
const mask = new SecretMask({ HF_TOKEN: SECRET });

describe('SecretMask', () => {
  it.each([
    ['plain', SECRET],
    ['escaped in JSON', JSON.stringify(SECRET).slice(1, -1)],
    ['escaped in a URL', encodeURIComponent(SECRET)],
    ['escaped in a form', encodeURIComponent(SECRET).replaceAll('%20', '+')],
    ['escaped in small letters', 'hf_Ab%2f3%2bx%22y%26z%209'],
  ])('finds a value that is %s', (_, form) => {
    expect(mask.apply(`export HF_TOKEN=${form}; again ${form}.`)).toBe(
      'export HF_TOKEN=[redacted]; again [redacted].',
    );
  });

  it.each(['base64', 'base64url'] as const)(
    'finds a value inside %s, wherever it begins',
    (form) => {
      for (const before of ['', 'x', 'xy', 'xyz', 'user:']) {
        const text = Buffer.from(`${before}${SECRET}, and so on`).toString(form);
        const masked = mask.apply(`Authorization: Basic ${text}`);
        expect(masked).toMatch(/\[redacted\]/);
        const decoded = Buffer.from(masked, 'base64').toString('latin1');
        expect(decoded).not.toContain(SECRET.slice(2, 8));
      }
    },
  );

  it('leaves nothing of a value in any text around it', () => {
    const secret = fc.string({ minLength: 12, maxLength: 60 }).filter((s) => s.trim() === s);
    const around = fc.string({ maxLength: 40 });
    fc.assert(
      fc.property(secret, around, around, (value, before, after) => {
        const masked = new SecretMask({ API_KEY: value }).apply(`${before}${value}${after}`);
        // What stood around it may repeat a part of it, but the value as a whole is gone.
        return !masked.includes(value);
      }),
    );
  });

  it('finds what a cut left of a value at either end', () => {
    const key = new SecretMask({ API_KEY: 'sk-0123456789abcdef' });
    expect(key.apply('6789abcdef\nloss is nan')).toBe('[redacted]\nloss is nan');
    expect(key.apply('the key is sk-0123456')).toBe('the key is [redacted]');
    expect(key.apply('23456789ab')).toBe('23456789ab');
    expect(key.apply('3456789abcdef')).toBe('[redacted]');
    expect(key.apply('abcdef and sk-01')).toBe('[redacted] and sk-01');
  });

  it('finds the lines of a value of many, and the longer of two that overlap', () => {
    const many = new SecretMask({ SSH_PRIVATE_KEY: 'BEGIN-KEY\n  aBcDeFgHiJ\nEND-KEY-1' });
    expect(many.apply('found aBcDeFgHiJ / END-KEY-1')).toBe('found [redacted] / [redacted]');
    const two = new SecretMask({ A_TOKEN: 'token-12345', B_TOKEN: 'token-12345-long' });
    expect(two.apply('token-12345-long token-12345')).toBe('[redacted] [redacted]');
  });

  it.each([
    ['short', { HF_TOKEN: '1234567' }, '1234567'],
    ['a word under a name that says nothing', { LOG_LEVEL: 'INFO-and-more' }, 'INFO-and-more'],
    ['a sentence', { MOTTO: 'never more than one thing' }, 'never more than one thing'],
    ['a region', { AWS_REGION: 'eu-central-1-and-further' }, 'eu-central-1-and-further'],
    [
      'a role',
      { TRAINING_DATASET_1_AWS_ROLE_ARN: 'arn:aws:iam::1:role/x' },
      'arn:aws:iam::1:role/x',
    ],
  ])('lets pass what is %s', (_, secrets, text) => {
    expect(new SecretMask(secrets).apply(`it said ${text}`)).toBe(`it said ${text}`);
  });

  it.each([
    [{ HF_TOKEN: '12345678' }, '12345678'],
    [{ AWS_ACCESS_KEY_ID: 'AKIA1234' }, 'AKIA1234'],
    [{ TRAINING_DATASET_2_USERNAME: 'somebody' }, 'somebody'],
    [{ WHATEVER: 'abcdefghij0123456789' }, 'abcdefghij0123456789'],
  ])('masks %o', (secrets, text) => {
    expect(new SecretMask(secrets).apply(`it said ${text}`)).toBe('it said [redacted]');
  });

  it('finds a value that is longer than a pattern may be, and leaves what is around it', () => {
    const long = Array.from({ length: 10_000 }, (_, n) => `${n},`).join('');
    const found = new SecretMask({ API_KEY: long });
    expect(found.apply(`<${long}>`).replaceAll('[redacted]', '')).toBe('<>');
    const base64 = found.apply(Buffer.from(long).toString('base64')).replaceAll('[redacted]', '');
    expect(base64.length).toBeLessThan(long.length / 100);
  });

  it('changes nothing where there is nothing to keep', () => {
    expect(new SecretMask({}).apply('as it was')).toBe('as it was');
    expect(mask.apply('')).toBe('');
  });
});
