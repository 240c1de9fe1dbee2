import fastify from 'fastify';

/*
 * The yardstick: Fastify alone, without logging and without any plugin. It parses the same body
 * and answers a constant of ANSWER_BYTES, ready-made, so that it pays for no serialising either.
 */

const answer = JSON.stringify({ pad: 'x'.repeat(Number(process.env.ANSWER_BYTES) - 10) });
const app = fastify();
const handler = async (_request: unknown, reply: { type(type: string): unknown }) => {
  reply.type('application/json; charset=utf-8');
  return answer;
};

app.get('/healthz', async () => ({ status: 'ok' }));
app.post('/train', handler);
app.get('/train/:job_id', handler);

process.once('SIGTERM', () => void app.close());
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) });
