import { expect, it } from 'vitest';
import { isTokenLike, TokenSearch } from './token-search.ts';

it.each([
  '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',
  'AKIAIOSFODNN7EXAMPLE',
  'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  '7f9c24e8-3b12-4fef-91e0-56a2d5b1c0aa',
  'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x',
  'ghp_0123456789abcdefABCDEF0123456789abcd',
  'x7JkQ2mV9pLr4TnW',
])('%s looks like a token', (text) => {
  expect(isTokenLike(text)).toBe(true);
});

it.each([
  ...['', 'string', 'password', 'kubernetes', 'WANDB_API_KEY', 'YOUR_HUGGING_FACE_TOKEN_HERE'],
  ...['training-studio-production-2024', 'TrainingStudioProduction', 'llama3-finetune-v2'],
  ...[
    'trainer.kubeflow.org',
    'us-east-1-training-data',
    'correct horse battery staple',
    'x7JkQ2mV9',
  ],
])('%j does not', (text) => {
  expect(isTokenLike(text)).toBe(false);
});

it('a token is found wherever in a text it stands, and no other', () => {
  const tokens = ['AKIAIOSFODNN7EXAMPLE', 'ghp_0123456789abcdefABCDEF0123456789abcd', 'kubernetes'];
  const search = new TokenSearch(tokens);
  for (const token of tokens.slice(0, 2)) {
    for (const text of [token, `a.b/${token}`, `${token}_x`]) expect(search.isIn(text)).toBe(true);
  }
  for (const text of ['', 'kubernetes.io/arch', 'AKIAIOSFODNN7EX', 'ghp_0123456789abcdef']) {
    expect(search.isIn(text)).toBe(false);
  }
});

it('of a token that a text cuts, so much is found as is asked for', () => {
  const search = new TokenSearch(['AKIAIOSFODNN7EXAMPLE'], 8);
  expect(['x AKIAIOSF…', 'x AKIAIOS…'].map((text) => search.isIn(text))).toEqual([true, false]);
});
