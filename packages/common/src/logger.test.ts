import { expect, test } from 'vitest';
import { createLogger } from './logger.ts';

const SECRETS = /S3CR3T|x-trainer-token|authorization/i;

function lines(level: 'info' | 'error', write: (logger: ReturnType<typeof createLogger>) => void) {
  const written: string[] = [];
  write(createLogger('nemo', { logLevel: level }, { write: (line) => void written.push(line) }));
  return written.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('a line is JSON that says when, how grave and which service', () => {
  const [line] = lines('info', (logger) => logger.info({ job: 'job-1' }, 'accepted'));
  expect(line).toEqual({
    level: 'info',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    service: 'nemo-api',
    job: 'job-1',
    msg: 'accepted',
  });
});

test('what lies below the level is not written', () => {
  expect(lines('error', (logger) => logger.info('x'))).toEqual([]);
});

test('a request is told without query, headers and body', () => {
  const req = {
    method: 'POST',
    url: '/train?token=S3CR3T',
    ip: '10.0.0.1',
    headers: { 'x-trainer-token': 'S3CR3T', authorization: 'Bearer S3CR3T' },
    body: { token: 'S3CR3T' },
  };
  const [line] = lines('info', (logger) => logger.info({ req }, 'incoming'));
  expect(line?.req).toEqual({ method: 'POST', path: '/train', ip: '10.0.0.1' });
  expect(JSON.stringify(line)).not.toMatch(SECRETS);
});

test('an error is told without its own fields, secrets of URLs and the words of its cause', () => {
  const cause = new Error('S3CR3T');
  const err = Object.assign(new Error('GET https://u:S3CR3T@h/?q=S3CR3T failed', { cause }), {
    config: { headers: { authorization: 'S3CR3T' } },
  });
  const [line] = lines('error', (logger) => logger.error({ err }, 'failed'));
  expect(line?.err).toMatchObject({ type: 'Error', cause: 'Error' });
  expect(JSON.stringify(line)).toContain('https://[redacted]@h/?[redacted] failed');
  expect(JSON.stringify(line)).not.toMatch(SECRETS);
});

test('what is thrown but no error is not shown', () => {
  const [line] = lines('error', (logger) => logger.error({ err: { token: 'S3CR3T' } }, 'failed'));
  expect(JSON.stringify(line)).not.toMatch(SECRETS);
});
