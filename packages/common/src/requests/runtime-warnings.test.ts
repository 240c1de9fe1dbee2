import { describe, expect, test } from 'vitest';
import { type Changes, makeBody } from '../../test/builders.ts';
import { parseTrainingRequest } from './parse-training-request.ts';

const warningsOf = (changes: Changes) => parseTrainingRequest(makeBody(changes)).warnings;
const peft = (config: Record<string, unknown>) => warningsOf({ 'customization.peft': { config } });

describe('keys of customization.peft.config', () => {
  test('that the runtime knows are passed on without a word', () => {
    expect(peft({ r: 8, use_rslora: true, bias: 'none', rank_pattern: { q_proj: 4 } })).toEqual([]);
  });

  test('that it does not know are named, and never their values', () => {
    expect(peft({ tokenizer_kwargs: { trust_remote_code: true }, fan_in_fan_out: null })).toEqual([
      'customization.peft.config.tokenizer_kwargs is passed to the trainer as it is; our own runtime does not know it and ignores it',
    ]);
  });

  test('are named ten at most, and cut', () => {
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`k${index}`, 1]));
    const warnings = peft({ ['x'.repeat(500)]: 1, ...many });
    expect(warnings).toHaveLength(11);
    expect(warnings[0]).toContain(`config.${'x'.repeat(80)}… is`);
    expect(warnings.at(-1)).toBe(
      'customization.peft.config has 21 more keys that our own runtime ignores',
    );
  });
});

const KEYS = { aws_access_key_id: 'AK', aws_secret_access_key: 'SK', aws_session_token: 'ST' };

describe('session keys', () => {
  test.each<[string, Changes]>([
    ['artifacts.auth holds', { 'artifacts.auth': KEYS }],
    ['artifacts.auth, datasets[0].auth hold', { 'artifacts.auth': KEYS, 'datasets.0.auth': KEYS }],
    [
      'extra_parameters.trainer_env holds',
      { 'extra_parameters.trainer_env': { AWS_SESSION_TOKEN: 'ST' } },
    ],
  ])('%s keys that nothing renews', (words, changes) => {
    expect(warningsOf(changes)).toEqual([
      `${words} session keys without a role that could renew them, so a job that outlives the keys ends with UPLOAD_FAILED; one with fresh keys can go on from its last checkpoint`,
    ]);
  });

  test.each<Changes>([
    { 'artifacts.auth': { ...KEYS, role_arn: 'arn:aws:iam::1:role/r' } },
    { 'artifacts.auth': { ...KEYS, aws_session_token: undefined } },
    { 'extra_parameters.trainer_env': { AWS_SESSION_TOKEN: 'ST', AWS_ROLE_ARN: 'arn' } },
  ])('of a role, and keys without a session, are fine: %j', (changes) => {
    expect(warningsOf(changes)).toEqual([]);
  });
});
