import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { startWebhookReceiver } from '../webhook-receiver.ts';

const SERVER = fileURLToPath(
  new URL('../../../../services/nemo-api/src/server.ts', import.meta.url),
);
const HELPER = new URL('../start-test-service.ts', import.meta.url);

async function run(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env.PATH, PORT: '0', ...env },
  });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { stdout, stderr, code };
}

it.each<[string, Record<string, string>, RegExp]>([
  ['all may reach it without a token', { HOST: '0.0.0.0' }, /^HOST is 0\.0\.0\.0.*no token is set/],
  ['a setting is wrong', { LOG_LEVEL: 'loud' }, /^LOG_LEVEL is "loud"; it must be one of fatal,/],
  ['PORT is none', { PORT: '70000' }, /^PORT is "70000"; it must be a port from 0 to 65535/],
  ['HOST is of another machine', { HOST: '192.0.2.1', TRAINER_API_TOKEN: 't' }, /^Cannot listen/],
  ['the token file is missing', { TRAINER_API_TOKEN_FILE: '/nowhere' }, /^TRAINER_API_TOKEN_FILE/],
])('ends with one sentence and code 1 when %s', async (_, env, sentence) => {
  const { code, stdout, stderr } = await run([SERVER], env);
  expect(stderr).toMatch(sentence);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect([code, stdout]).toEqual([1, '']);
});

it('starts, and ends when asked to, without a word on standard error', async () => {
  const child = spawn(process.execPath, [SERVER], { env: { PATH: process.env.PATH, PORT: '0' } });
  const errors = text(child.stderr);
  for await (const line of createInterface(child.stdout)) {
    if (line.includes('"service started"')) child.kill('SIGTERM');
  }
  expect(await errors).toBe('');
});

it('ends with one sentence and code 1 when its port is taken', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  const { code, stderr } = await run([SERVER], { PORT: String(port) });
  expect([code, stderr]).toEqual([
    1,
    expect.stringContaining(`Port ${port} on 127.0.0.1 is taken`),
  ]);
  other.close();
});

it('never repeats a token that it cannot use', async () => {
  const env = { TRAINER_CALLBACK_SIGNING_SECRETS: 'not-a-secret', TRAINER_API_TOKEN: 'my-token' };
  const { code, stdout, stderr } = await run([SERVER], env);
  expect(code).toBe(1);
  expect(stdout + stderr).not.toMatch(/not-a-secret|my-token/);
});

it('leaves nothing behind that keeps the process alive', async () => {
  // A job that waits, a callback that is to be tried again, and connections kept alive.
  const receiver = await startWebhookReceiver({ answers: 500 });
  const script = `
    import { makeRequest, startTestService } from ${JSON.stringify(HELPER)};
    const service = await startTestService({ env: { TRAINER_MOCK_SUBMITTED_SECONDS: '3600' } });
    const callbacks = { webhook_url: ${JSON.stringify(receiver.url)} };
    await service.post('/train', makeRequest({ callbacks }));
    for (let text = ''; !text.includes('outcome="retry"'); ) {
      text = (await service.request('/metrics')).text;
    }
    await service.close();
    console.log('closed');
  `;
  const { code, stdout, stderr } = await run(['--input-type=module', '--eval', script]);
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'closed\n', stderr: '' });
  await receiver.close();
});
