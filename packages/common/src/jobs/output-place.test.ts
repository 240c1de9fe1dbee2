import { describe, expect, test } from 'vitest';
import { isBelow, toOutputPlace } from './output-place.ts';

test.each([
  ['s3://b/results', 's3://b/results/job-1'],
  ['s3://b/results/', 's3://b/results/job-1'],
  ['s3://b/results/job-1/', 's3://b/results/job-1'],
  ['/data/out', '/data/out/job-1'],
])('the place of job-1 below %s is %s', (outputUri, place) => {
  expect(toOutputPlace(outputUri, 'job-1')).toBe(place);
});

describe('an address below a place', () => {
  const S3 = 's3://bucket/results/job-1';
  test.each([
    [`${S3}/checkpoints/checkpoint-1`, S3],
    [`S3://bucket//results/./job-1/checkpoints`, S3],
    ['s3://bucket/results/job%2D1/x', S3],
    ['file:///data/job-1/checkpoints/checkpoint-1', '/data/job-1'],
    ['/data/job-1/checkpoints', 'file:///data/job-1'],
  ])('%s lies below %s', (uri, place) => expect(isBelow(uri, place)).toBe(true));

  test.each([
    [S3, 'the place itself'],
    ['s3://bucket/results/job-10/x', 'a longer name'],
    ['s3://other/results/job-1/x', 'another bucket'],
    ['gs://bucket/results/job-1/x', 'another scheme'],
    ['s3://user@bucket/results/job-1/x', 'a login'],
    [`${S3}/../job-2/x`, 'a way up'],
    [`${S3}/%2e%2e/job-2`, 'an escaped way up'],
    [`${S3}/a%2f..%2f..%2fjob-2`, 'an escaped slash'],
    [`${S3}/..\\job-2`, 'a backslash'],
    [`${S3}/x?versionId=1`, 'a query'],
    [`${S3}/x#y`, 'a fragment'],
    [`${S3}/%zz`, 'a broken escape'],
    ['checkpoint-1', 'no address'],
    ['', 'nothing'],
  ])('%s does not (%s)', (uri) => expect(isBelow(uri, S3)).toBe(false));
});
