import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SecretMask } from './secret-mask.ts';

const SECRET = 'hf_Ab/3+x"y&z 9';
const mask = new SecretMask({ HF_TOKEN: SECRET, OTHER_TOKEN: `${SECRET}, and longer` });

function pushAll(pieces: readonly string[]): string {
  const stream = mask.openStream();
  return pieces.map((piece) => stream?.push(piece)).join('') + stream?.end();
}

describe('SecretStream', () => {
  it('masks a value wherever the text is cut', () => {
    const text = `a ${SECRET} b ${encodeURIComponent(SECRET)}, and longer`;
    for (let at = 0; at <= text.length; at += 1) {
      expect(pushAll([text.slice(0, at), text.slice(at)])).toBe(
        'a [redacted] b [redacted], and longer',
      );
    }
  });

  it('says the same of any pieces as of the whole', () => {
    const part = fc.constantFrom(
      SECRET,
      SECRET.slice(0, 7),
      SECRET.slice(7),
      ', and',
      ' longer',
      'x',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        expect(pushAll(parts)).toBe(pushAll([parts.join('')]));
        expect(pushAll(parts)).not.toContain(SECRET);
      }),
    );
  });

  it('holds back less than the longest form of a value', () => {
    const stream = mask.openStream();
    const longest = encodeURIComponent(`${SECRET}, and longer`).length;
    const shown = stream?.push('x'.repeat(10_000)) ?? '';
    expect(shown.length).toBe(10_000 - longest + 1);
  });

  it('is not there where nothing is to be masked', () => {
    expect(new SecretMask({ HF_TOKEN: 'short' }).openStream()).toBeUndefined();
  });
});
