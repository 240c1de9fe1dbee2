import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { makeRequest, startTestService } from '../start-test-service.ts';
import { startWebhookReceiver } from '../webhook-receiver.ts';

it('finishes a request that has begun, and takes no new connection', async () => {
  const service = await startTestService();
  const body = JSON.stringify(makeRequest());
  const socket = connect(service.port, '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk;
  });
  await once(socket, 'connect');
  const head = `POST /train HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: ${body.length}\r\n\r\n`;
  socket.write(head);
  await once(socket, 'data');
  expect(answer).toMatch(/^HTTP\/1\.1 100 /);

  const closed = service.close();
  await expect(service.request('/healthz')).rejects.toThrow();
  socket.write(body);
  await once(socket, 'close');
  expect(answer).toMatch(/HTTP\/1\.1 200 OK[\s\S]*Job accepted for processing/);
  await closed;
});

it('does not wait for clients that stall', async () => {
  const service = await startTestService();
  const stalled = [
    '',
    'GET /hea',
    'POST /train HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{',
  ];
  const sockets = stalled.map(() => connect(service.port, '127.0.0.1').on('error', () => {}));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  for (const [index, socket] of sockets.entries()) socket.resume().write(stalled[index] ?? '');
  await service.request('/healthz');
  const ends = sockets.map((socket) => once(socket, 'close'));
  await service.close();
  await Promise.all(ends);
}, 20_000);

it('finishes a callback that is on its way', async () => {
  const { promise: gate, resolve: open } = Promise.withResolvers<200>();
  const receiver = await startWebhookReceiver({ answers: () => gate });
  const service = await startTestService({ env: { TRAINER_MOCK_SUBMITTED_SECONDS: '60' } });
  await service.post('/train', makeRequest({ callbacks: { webhook_url: receiver.url } }));
  await receiver.next();
  let isClosed = false;
  const closed = service.close().then(() => {
    isClosed = true;
  });
  await expect(service.request('/healthz')).rejects.toThrow();
  expect(isClosed).toBe(false);
  open(200);
  await closed;
  expect(receiver.requests).toHaveLength(1);
  await receiver.close();
});

it('is harmless when repeated', async () => {
  const service = await startTestService();
  await service.post('/train', makeRequest());
  await Promise.all([service.close(), service.close()]);
  await service.close();
});
