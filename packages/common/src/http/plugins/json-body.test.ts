import fastify, { type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { replyWithProblem } from './errors.ts';
import { MAX_BODY_BYTES, registerJsonBody } from './json-body.ts';

let app: FastifyInstance;

beforeAll(() => {
  app = fastify();
  registerJsonBody(app);
  app.setErrorHandler(replyWithProblem);
  app.post('/', async ({ body }) => ({ body }));
});
afterAll(() => app.close());

async function post(payload: string | Buffer, type = 'application/json') {
  const headers = { 'content-type': type };
  const answer = await app.inject({ method: 'POST', url: '/', payload, headers });
  return { status: answer.statusCode, text: answer.payload, ...answer.json() };
}

test.each(['application/json', 'application/json; charset=utf-8', 'APPLICATION/JSON'])(
  'a JSON object arrives as it was sent, as %s',
  async (type) => {
    const body = { a: [1, null, 'ä\u0000'], b: { c: true } };
    expect(await post(JSON.stringify(body), type)).toMatchObject({ status: 200, body });
  },
);

test.each<[string, string | Buffer, string]>([
  ['nothing', '', 'The body is empty; it must be one JSON object.'],
  ['blanks', ' \n', 'The body is empty; it must be one JSON object.'],
  ['a fragment', '{"a":', 'The body is not valid JSON'],
  ['two objects', '{}{}', 'The body is not valid JSON'],
  ['single quotes', "{'a': 1}", 'The body is not valid JSON'],
  ['bytes that are no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), 'is not valid UTF-8.'],
])('%s is refused in one sentence', async (_, payload, sentence) => {
  const answer = await post(payload);
  expect(answer.status).toBe(400);
  expect(answer.detail).toContain(sentence);
  expect(answer.detail).toMatch(/^The body [^\n]*\.$/);
});

test('a fault in the JSON is told by its place, without the text around it', async () => {
  const { detail, text } = await post('{\n  "token": "S3CR3T" x\n}');
  expect(detail).toMatch(/\(line 2 column \d+\)/);
  expect(text).not.toContain('S3CR3T');
});

test.each(['text/plain', 'application/x-www-form-urlencoded', 'application/xml', 'text/json'])(
  'the type %s is not taken',
  async (type) => {
    expect(await post('{}', type)).toMatchObject({ status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' });
  },
);

test('a body of 256 KiB is taken, a larger one is not', async () => {
  const frame = '{"a":""}'.length;
  const sized = (bytes: number) => `{"a":"${'x'.repeat(bytes - frame)}"}`;
  expect(MAX_BODY_BYTES).toBe(262_144);
  expect((await post(sized(MAX_BODY_BYTES))).status).toBe(200);
  expect(await post(sized(MAX_BODY_BYTES + 1))).toMatchObject({
    status: 413,
    code: 'PAYLOAD_TOO_LARGE',
  });
});

test('an integer that would be rounded is refused by its path, also in free-form parts', async () => {
  const text = '{"tuning_parameters": {"seeds": [1, 9007199254740993]}, "n": 9007199254740991}';
  const path = 'tuning_parameters.seeds[1]';
  expect(await post(text)).toMatchObject({
    status: 400,
    code: 'INVALID_REQUEST',
    errors: [{ path, message: expect.stringContaining(`${path} is a whole number beyond 2^53`) }],
  });
});

test('every fault has its place, and nothing of the text is repeated', async () => {
  const answer = await post('{\n "token": s3cret\n}');
  expect(answer.detail).toContain('(line 2 column 11)');
  expect(answer.text).not.toContain('s3cret');
});
