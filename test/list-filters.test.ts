import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LIST_FILTERS, TrainerClient } from '@trainer/client';
import { expect, it, onTestFinished } from 'vitest';
import { runTrainer } from './run-trainer.ts';

const NAMES: readonly string[] = Object.values(LIST_FILTERS);
const TIME = '2026-11-26T09:00:00.000Z';
interface Parameter {
  readonly name: string;
  readonly in: string;
}
const ANSWER = { data: [], has_more: false, next_cursor: null, counts: {} };

it('the filters are those of the service that take one value', () => {
  const { paths } = JSON.parse(
    readFileSync(new URL('../docs/openapi.json', import.meta.url), 'utf8'),
  );
  const described: Parameter[] = paths['/train'].get.parameters;
  const names = described.filter((parameter) => parameter.in === 'query').map(({ name }) => name);
  expect(names.toSorted()).toEqual([...NAMES, 'status', 'label', 'limit', 'cursor'].toSorted());
});

/** Notes what it is asked, and knows no job. */
async function startEmptyService() {
  const queries: string[] = [];
  const server = createServer(({ url = '' }, response) => {
    queries.push(url);
    response.setHeader('content-type', 'application/json').end(JSON.stringify(ANSWER));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    await once(server.close(), 'close');
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, queries };
}

it('client and command line ask for each filter under its name', async () => {
  const { url, queries } = await startEmptyService();
  const client = new TrainerClient({ baseUrl: url });
  const expected: string[] = [];
  for (const [key, name] of Object.entries(LIST_FILTERS)) {
    const isTime = name.startsWith('created');
    await client.list({ [key]: isTime ? new Date(TIME) : 'x' });
    const { code } = await runTrainer(
      ['list', `--${name.replaceAll('_', '-')}`, isTime ? TIME : 'x'],
      { env: { TRAINER_URL: url } },
    );
    expect(code).toBe(0);
    const query = new URLSearchParams([[name, isTime ? TIME : 'x']]);
    expected.push(...[1, 2].map(() => `/train?${query}`));
  }
  expect(queries).toEqual(expected);
});
