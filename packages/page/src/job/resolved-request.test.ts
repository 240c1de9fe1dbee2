import { expect, test } from 'vitest';
import { toResolvedRequest } from './resolved-request.ts';

const trainJob = (value: string) => ({
  spec: {
    trainer: {
      env: [
        { name: 'A', value: '1' },
        { name: 'TRAINING_REQUEST_JSON', value },
      ],
    },
  },
});

test('the request is what its training reads', () => {
  expect(toResolvedRequest(trainJob('{"job_id":"a","price":"$$5"}'))).toEqual({
    job_id: 'a',
    price: '$5',
  });
});

test('where there is none, none is shown', () => {
  for (const value of [undefined, {}, { spec: {} }, trainJob('[redacted]')]) {
    expect(toResolvedRequest(value)).toBeUndefined();
  }
});
