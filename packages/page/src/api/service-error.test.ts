import { expect, it } from 'vitest';
import { toServiceError } from './service-error.ts';

const violationsOf = async (body: unknown, status = 400) =>
  (await toServiceError(Response.json(body, { status }))).violations;

it('tells all that is wrong, and what the sentence says beyond that', async () => {
  const errors = [
    { path: 'job_id', message: 'job_id is required.' },
    { path: 'changes.resources', message: 'resources must be an object.' },
  ];
  const all = 'job_id is required. resources must be an object.';
  const code = 'INVALID_REQUEST';
  expect(await violationsOf({ code, detail: all, errors })).toEqual(errors);
  expect(await violationsOf({ code, detail: `${all} There are more.`, errors })).toEqual([
    ...errors,
    { path: '', message: 'There are more.' },
  ]);
});

it.each([
  [{ code: 'JOB_NOT_ENDED', detail: 'The job runs.' }],
  [{ code: 'JOB_NOT_ENDED', detail: 'The job runs.', errors: [{ at: 3 }, null] }],
  [{ code: 'JOB_NOT_ENDED', detail: 'The job runs.', errors: 'none' }],
])('tells the sentence where nothing is named: %j', async (body) => {
  expect(await violationsOf(body, 409)).toEqual([{ path: '', message: 'The job runs.' }]);
});

it('says so of an answer that is not one of ours', async () => {
  const message = 'The answer, of status 502, is not one of a Trainer API.';
  expect(await violationsOf('<html>', 502)).toEqual([{ path: '', message }]);
});
