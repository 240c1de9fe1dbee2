import fastify from 'fastify';

/*
 * The yardstick: Fastify alone, without logging and without any plugin. It parses the same body and
 * answers with the constant object ANSWER (JSON), a true answer of the service.
 */

const answer = JSON.parse(process.env.ANSWER ?? '{}') as unknown;
const app = fastify();

app.get('/healthz', async () => ({ status: 'ok' }));
app.post('/train', async () => answer);
app.get('/train/:job_id', async () => answer);

process.once('SIGTERM', () => void app.close());
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) });
