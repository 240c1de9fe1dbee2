import { expect, it } from 'vitest';
import { render } from '../../../../test/builders.ts';
import { findSharedSecrets } from './shared-secrets.ts';

const trainer_env = {
  OWN: 'a value of its own',
  DB: { valueFrom: { secretKeyRef: { name: 'team', key: 'db' } } },
};
const allowedSecrets = ['team', 'other'];
const BY_DEFAULT = { TRAINER_DEFAULT_CREDENTIALS_SECRET: 'default' };
const find = (changes: object, env: Record<string, string>, now: string | undefined) => {
  const { manifest } = render({ ...changes }, { env });
  return [
    ...findSharedSecrets({ manifest }, { defaultCredentialsSecret: now, allowedSecrets }),
  ].sort();
};

it('finds the default Secret and those that the variables of a request name', () => {
  const changes = { 'extra_parameters.trainer_env': trainer_env };
  expect(find(changes, BY_DEFAULT, 'default')).toEqual(['default', 'team']);
  expect(find(changes, {}, undefined)).toEqual(['team']);
});

it('finds the default Secret of the time of the submission, and that of today', () => {
  expect(find({}, BY_DEFAULT, 'another')).toEqual(['another', 'default']);
});

it('finds none in a job that has but its own', () => {
  expect(find({ 'base_model.huggingface_token': 'hf_0123456789' }, {}, undefined)).toEqual([]);
});

it('finds all that jobs may refer to where the plan cannot be read', () => {
  const settings = { defaultCredentialsSecret: 'default', allowedSecrets };
  expect([...findSharedSecrets({}, settings)].sort()).toEqual(['default', 'other', 'team']);
});
