import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { runTrainer } from './run-trainer.ts';

const REFUSAL = { job_id: 'c', code: 'REPLAY_REFUSED', detail: 'What it is called with is gone.' };
const FIRST = { replayed: ['a', 'b'], refused: [], has_more: true, next_cursor: 'after-b' };
const LAST = { replayed: ['d'], refused: [REFUSAL], has_more: false, next_cursor: null };
const AWAY = { status: 503, code: 'CLUSTER_UNAVAILABLE', detail: 'The cluster is away.' };

/** Notes the body of each request, and answers one after the other. */
async function startScript(...answers: readonly object[]) {
  const bodies: unknown[] = [];
  const server = createServer((request, response) => {
    const answer: { readonly status?: number } = answers[bodies.length] ?? {};
    void json(request).then((body) => {
      bodies.push(body);
      response.writeHead(answer.status ?? 202, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    await once(server.close(), 'close');
  });
  const { port } = server.address() as AddressInfo;
  return { env: { TRAINER_URL: `http://127.0.0.1:${port}` }, bodies };
}

it('asks on until all of a state are sent again, and tells them as one', async () => {
  const { env, bodies } = await startScript(FIRST, LAST);
  const { code, stdout, stderr } = await runTrainer(['replay', '--state', 'expired', '--json'], {
    env,
  });
  expect(bodies).toEqual([{ state: 'expired' }, { state: 'expired', cursor: 'after-b' }]);
  expect(JSON.parse(stdout)).toEqual({ ...LAST, replayed: ['a', 'b', 'd'] });
  expect([code, stderr]).toEqual([3, `${REFUSAL.detail}\n`]);
});

it('tells what is sent again also where the rest could not be asked for', async () => {
  const { env, bodies } = await startScript(FIRST, AWAY);
  const answer = await runTrainer(['replay', '--state', 'delivered'], { env });
  expect(answer.stdout).toBe('a will be sent again\nb will be sent again\n');
  expect(answer.stderr).toContain(AWAY.detail);
  expect(answer.code).not.toBe(0);
  expect(bodies).toHaveLength(2);
});
