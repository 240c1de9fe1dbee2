import { describe, expect, it } from 'vitest';
import { isToken, TokenStore } from './token-store.ts';

const ORIGIN = 'https://meta.example';

function makeStore(stored: Record<string, string> = {}) {
  const kept = new Map(Object.entries(stored));
  const store = new TokenStore({
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => kept.set(key, value),
    removeItem: (key) => kept.delete(key),
  });
  return { store, kept };
}

describe('a token that no header carries', () => {
  const LOST = ['secret\u200b', '\u201csecret\u201d', 'secret…', 'two\nlines', 'bell\u0007', ''];

  it.each(LOST)('is told from one that a header carries: %j', (token) => {
    expect(isToken(token)).toBe(false);
    expect(isToken('s3cret/+=_- "é"')).toBe(true);
  });

  it.each(LOST)('is forgotten where one was kept: %j', (token) => {
    const { store, kept } = makeStore({ [`trainer-token ${ORIGIN}`]: token });
    expect(store.get(ORIGIN)).toBeUndefined();
    expect(kept.size).toBe(0);
  });
});

it('keeps one token for each origin', () => {
  const { store } = makeStore();
  store.set(ORIGIN, 'secret');
  expect([store.get(ORIGIN), store.get('https://nemo.example')]).toEqual(['secret', undefined]);
});
