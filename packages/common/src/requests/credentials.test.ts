import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { makeBody, makeGuideBody, parseValid } from '../../test/builders.ts';
import { isCredentialName } from './credential-names.ts';
import { findAssignedCredentials, isCredentialWord } from './credential-words.ts';
import {
  createSecretTest,
  REDACTED,
  redact,
  replaceUrlSecrets,
  withoutCredentials,
} from './credentials.ts';

describe('names of credentials', () => {
  test.each([
    ...['auth_token', 'huggingface_token', 'auth_header', 'token', 'username', 'password'],
    ...['aws_access_key_id', 'aws_secret_access_key', 'aws_session_token'],
    ...['WANDB_API_KEY', 'api-key', 'apiKey', 'HF_TOKEN', 'hubToken', 'clientSecret'],
    ...['secretAccessKey', 'db.password', 'credentials', 'Authorization', 'private_key'],
  ])('%s is one', (name) => {
    expect(isCredentialName(name)).toBe(true);
  });

  test.each([
    ...[
      'image_token',
      'video_token',
      'audioToken',
      'pad_token',
      'eos_token',
      'padToken',
      'max_tokens',
      'tokenizer',
      'token_count',
      'key',
    ],
    ...['num_key_value_heads', 'secretary', 'role_arn', 'aws_region', '', 'monkey'],
  ])('%s is none', (name) => {
    expect(isCredentialName(name)).toBe(false);
  });
});

describe('words of a command line', () => {
  test.each<[string, string?]>([
    ['--hub_token=x'],
    ['x', '--hub_token'],
    ['x', '--api-key'],
    ['x', '-password'],
    ['--api-key=x'],
    ['HF_TOKEN=x'],
    ["export HF_TOKEN='x' && python train.py"],
    ['train --api-key x --epochs 3'],
    ['Authorization: Bearer x'],
  ])('%j after %j gives a credential', (word, previous) => {
    expect(isCredentialWord(word, previous)).toBe(true);
    expect(redact([previous, word])).toEqual([previous, REDACTED]);
  });

  test.each<[string, string?]>([
    ['--epochs=3'],
    ['3', '--epochs'],
    ['<pad>', '--pad_token'],
    ['--tokenizer=x'],
    ['--epochs', '--hub_token'],
    ['--hub_token'],
    ['$(TRAINING_ARG_1)', '--hub_token'],
    ['--hub_token=$HF_TOKEN'],
    ['the token is read from a file'],
    ['', '--hub_token'],
  ])('%j after %j gives none', (word, previous) => {
    expect(isCredentialWord(word, previous)).toBe(false);
  });

  test.each(['a', '-', ' ', 'a ', '--a=', 'a:', ' -'])('%j, a million times', (text) => {
    isCredentialWord(text.repeat(1_000_000 / text.length), '--a');
  });

  test.each([';token=aaaaaaaa', 'token="', "token='", 'token=Bearer ', 'token: '])(
    'what %j gives, a million times, is not looked at again and again',
    (text) => {
      const word = text.repeat(1_000_000 / text.length);
      const length = findAssignedCredentials(word).reduce((sum, found) => sum + found.length, 0);
      expect(length).toBeLessThan(3 * word.length);
    },
  );
});

describe('secrets in URLs', () => {
  test.each([
    ['https://user:pa55@host/x', 'https://U@host/x'],
    ["https://user:pa'55@host/x", 'https://U@host/x'],
    ['https://user:p@55@host/x', 'https://U@host/x'],
    ['https://host/x?sig=abc', 'https://host/xQ'],
    ["https://host/x?a='b'&c", 'https://host/xQ'],
    ['https://u:p@host/x?sig=abc#part', 'https://U@host/xQ#part'],
    ['s3://key:secret@bucket/x', 's3://U@bucket/x'],
    ['https://token@host/x', 'https://U@host/x'],
    ['git+https://token@host/x', 'git+https://U@host/x'],
    ['abfss://raw:key@account/x', 'abfss://U@account/x'],
    ['abfss://raw@account/x?sig=1', 'abfss://raw@account/xQ'],
    ['see https://u:p@a/ and http://b?c d', 'see https://U@a/ and http://bQ d'],
    ['s3://a/b,https://u:p@c/d', 's3://a/b,https://U@c/d'],
    ['--url=https://proxy/https://u:p@host/?q', '--url=https://proxy/https://U@host/Q'],
    ['HTTP://token@host/x', 'HTTP://U@host/x'],
    ['see http://token@host/x', 'see http://U@host/x'],
    ['{"a":"https://h/?q","b":"x@y"}', '{"a":"https://h/Q","b":"x@y"}'],
  ])('%s', (text, expected) => {
    expect(replaceUrlSecrets(text, 'U@', 'Q')).toBe(expected);
  });

  test.each([
    's3://bucket/a@b.jsonl',
    'https://host/path#part',
    'abfss://raw@account.dfs.core.windows.net/data/a.jsonl',
    'oci://bucket@namespace/x',
    'ssh://git@host/repository',
    'https-like-name://git@host/repository',
    'user@host?query',
    'who? me@example.com',
    '',
  ])('%j holds none', (text) => {
    expect(replaceUrlSecrets(text, 'U@', 'Q')).toBe(text);
  });

  test.each([
    ['schemes', 'a://'.repeat(250_000)],
    ['one long scheme', `${'a'.repeat(1_000_000)}://`],
    ['user infos', '://@'.repeat(250_000)],
    ['queries', 'a://b?'.repeat(160_000)],
    ['at signs', `https://${'@'.repeat(1_000_000)}`],
    ['a host without end', `https://${'a'.repeat(1_000_000)}`],
    ['colons', ':'.repeat(1_000_000)],
    ['dots and dashes', '.-'.repeat(500_000)],
  ])('are looked for in a megabyte of %s without backtracking', (_, text) => {
    expect(typeof redact({ text: `${text} ?@://`, [text]: 1 })).toBe('object');
  });
});

describe('redact', () => {
  test('replaces credentials at any depth and leaves all else', () => {
    const given = { a: [{ token: 't', n: 1, url: 'https://u:p@h/?q', none: null }], ok: true };
    expect(redact(given)).toEqual({
      a: [{ token: REDACTED, n: 1, url: `https://${REDACTED}@h/?${REDACTED}`, none: null }],
      ok: true,
    });
    expect(given.a[0]?.token).toBe('t');
  });

  test('takes no replacement pattern from what it is given', () => {
    expect(replaceUrlSecrets('https://u@h/?q', '$&@', '$1')).toBe('https://$&@h/$1');
  });

  test('leaves nothing of a user info or a query, wherever the URL stands', () => {
    const secret = fc.stringMatching(/^ZQ[A-Za-z0-9_'.~!*();:&=+$,%-]{4,20}ZQ$/);
    const around = fc.constantFrom('', ' ', '(', '"', "'", 'x=', 's3://b/k,', '[', '\n');
    fc.assert(
      fc.property(secret, secret, around, around, (password, query, before, after) => {
        const shown = JSON.stringify(
          redact([`${before}https://me:${password}@host/p?s=${query}${after}`]),
        );
        expect(shown).not.toContain(JSON.stringify(password).slice(1, -1));
        expect(shown).not.toContain(JSON.stringify(query).slice(1, -1));
      }),
    );
  });
});

describe('what holds a secret of the request', () => {
  const request = parseValid(
    makeBody({
      'base_model.auth_token': 'hf_abcdef',
      'callbacks.auth_header': 'Bearer abcdef',
      'datasets.0.auth': {
        username: 'research',
        password: 'tiny',
        role_arn: 'arn:aws:iam::1:role/r',
        aws_region: 'eu-west-1',
      },
      'extra_parameters.trainer_env': { MODE: 'verbose', WANDB_API_KEY: 'wandb-123' },
    }),
  );
  const holdsSecret = createSecretTest(request);

  test.each<unknown>([
    'x hf_abcdef y',
    ['a', { b: 'Bearer abcdef' }],
    'wandb-123',
    'verbose',
    'https://u:p@h/',
    { hub_token: 'x' },
    { a: { apiKey: 'x' } },
    ['--epochs', '--hub_token=x'],
    ['--hub_token', 'x'],
    [['plain', 'https://h/?sig=1']],
    [{ n: 1 }, 'wandb-123'],
    { plain: 'x', late: 'hf_abcdef' },
  ])('%j does', (value) => {
    expect(holdsSecret(value)).toBe(true);
  });

  test.each<unknown>([
    'hf_abc',
    'tiny',
    'research',
    'arn:aws:iam::1:role/r',
    'eu-west-1',
    { hub_token: '' },
    { token: 7 },
    [null, 1, true],
    ['x', '--hub_token'],
    [undefined, { plain: 'x' }, [], {}],
  ])('%j does not', (value) => {
    expect(holdsSecret(value)).toBe(false);
  });
});

test('what the trainer reads of a request has neither credentials nor callback', () => {
  const visible = JSON.stringify(
    withoutCredentials(
      parseValid(
        makeGuideBody({
          'artifacts.auth': { aws_secret_access_key: 'AAAA', username: 'BBBB', aws_region: 'r-1' },
          'extra_parameters.trainer_env': { NAME: 'CCCC' },
        }),
      ),
    ),
  );
  for (const secret of ['hf_xxx', 'hf_launchpad_token', 'mytoken', 'AAAA', 'BBBB', 'CCCC']) {
    expect(visible).not.toContain(secret);
  }
  expect(visible).not.toContain('webhook');
  for (const kept of ['arn:aws:iam::123:role/FineTune', '"aws_region":"r-1"', '"NAME"']) {
    expect(visible).toContain(kept);
  }
});
