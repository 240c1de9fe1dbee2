import { describe, expect, test } from 'vitest';
import { mayHoldSecret, toObjectAddresses, toSaltedDigest } from './object-address.ts';

const addressOf = (text: string) => toObjectAddresses(text, 'job-1');
const digestOf = (value: string) => toSaltedDigest(value, 'job-1');

test.each([
  ['https://h/d', false],
  ['s3://AKIA:x@bucket/d', true],
  ['https://h/d?a=1', true],
  ['someone@example.com?', false],
])('whether %s may hold a secret: %s', (text, expected) => {
  expect(mayHoldSecret(text)).toBe(expected);
});

test('a digest stays the same for ever, since records keep it', () => {
  expect(toSaltedDigest('value', 'job-1')).toBe('GpwHHMY_iqU4RONgTodLePXzpWIc-81EJ-FEvYqN19c');
  expect(toSaltedDigest('value', 'job-2')).not.toBe(toSaltedDigest('value', 'job-1'));
});

describe('an address', () => {
  test.each([
    ['https://h/d', 'https://h/d'],
    ['someone@example.com', 'someone@example.com'],
    ['https://u:p@h/d?', 'https://h/d'],
    ['https://u:p@h/d?sig=x&sv=1', 'https://h/d'],
    ['https://h/d?%58-amz-signature=x', 'https://h/d'],
    ['ssh://git@h/d', 'ssh://git@h/d'],
    ['abfss://raw:p@a/d', 'abfss://raw@a/d'],
    ['s3://AKIA:secret@bucket/d', 's3://bucket/d'],
    ['one s3://A:b@c/d and s3://E:f@g/h', 'one s3://c/d and s3://g/h'],
  ])('%s is %s', (text, expected) => {
    expect(addressOf(text)).toBe(expected);
  });

  test('keeps what of the query is no signature, as a digest', () => {
    expect(addressOf('https://h/d?b=2&a=1&sig=x')).toBe(`https://h/d?${digestOf('a=1&b=2')}`);
    // Parameters that sit beside a signature alone belong to it.
    expect(addressOf('https://h/d?sv=2')).toBe(`https://h/d?${digestOf('sv=2')}`);
    expect(addressOf('https://h/d?&a=1&')).toBe(`https://h/d?${digestOf('a=1')}`);
    expect(addressOf('https://h/d?api_key=x&a=1')).toBe(`https://h/d?${digestOf('a=1')}`);
    // A name that nobody can decode counts as it is written.
    expect(addressOf('https://h/d?%E0%A4=1')).toBe(`https://h/d?${digestOf('%E0%A4=1')}`);
  });
});
