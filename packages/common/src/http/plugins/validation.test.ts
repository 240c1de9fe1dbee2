import fastify, { type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { JobIdSchema } from '../../requests/job-status.ts';
import { replyWithProblem } from './errors.ts';
import { registerValidation } from './validation.ts';

let app: FastifyInstance;

beforeAll(() => {
  app = fastify();
  app.setErrorHandler(replyWithProblem);
  registerValidation(app);
  app.get('/jobs/:job_id', {
    schema: {
      params: z.object({ job_id: JobIdSchema }),
      querystring: z.object({
        tail: z.coerce.number().int().min(1).default(100),
        order: z.enum(['newest', 'oldest']).optional(),
      }),
      response: { 200: z.object({ seen: z.object({ tail: z.number() }) }) },
    },
    handler: async ({ query }) => ({ seen: query, internal: true }),
  });
  app.get('/wrong', {
    schema: { response: { 200: z.object({ status: z.literal('ok') }) } },
    handler: async () => ({ status: 'S3CR3T' }),
  });
});
afterAll(() => app.close());

async function get(url: string) {
  const { statusCode, json } = await app.inject(url);
  return { status: statusCode, body: json() };
}

test('what comes in is converted, and names that are not known are ignored', async () => {
  expect(await get('/jobs/x?tail=7&token=abc')).toEqual({
    status: 200,
    body: { seen: { tail: 7 } },
  });
  expect((await get('/jobs/x')).body.seen.tail).toBe(100);
});

test('a query that breaks its schema is told all that is wrong', async () => {
  expect(await get('/jobs/x?tail=0&order=any')).toMatchObject({
    status: 400,
    body: {
      code: 'INVALID_REQUEST',
      errors: [
        { path: 'tail', message: 'tail must be at least 1.' },
        { path: 'order', message: 'order must be one of newest, oldest.' },
      ],
    },
  });
});

test('an id that no job can have is not found', async () => {
  expect(await get('/jobs/a%20b')).toMatchObject({
    status: 404,
    body: { code: 'JOB_NOT_FOUND', detail: expect.stringMatching(/: a job_id must be 1 to 128/) },
  });
});

test('an answer holds what is described and no more', async () => {
  expect((await get('/jobs/x?order=newest')).body).toEqual({ seen: { tail: 100 } });
});

test('an answer that is not as described is our fault, and is not shown', async () => {
  const { status, body } = await get('/wrong');
  expect([status, body.code]).toEqual([500, 'INTERNAL_ERROR']);
  expect(JSON.stringify(body)).not.toContain('S3CR3T');
});
