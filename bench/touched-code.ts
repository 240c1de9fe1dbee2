import { once } from 'node:events';
import { createServer } from 'node:http';
import { Session } from 'node:inspector/promises';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createLogger, createService, parseConfig } from '@trainer/common';
import { findService } from '@trainer/services';
import { toBody } from './example-request.ts';
import { toTable } from './table.ts';

interface Touched {
  readonly files: number;
  readonly functions: number;
}

/** Nothing outside tells when the sender has dealt with an answer. */
const SETTLE_MS = 200;
const OWN_CODE = /\/(packages|services)\/[^/]+\/src\//;

/**
 * How much of our own code one request runs through: files, and functions that have a name, by V8's
 * precise coverage of one process. What a reader has to know to follow it.
 */
export async function measureTouchedCode(): Promise<string> {
  const { backend } = findService('hf-unsloth');
  const config = parseConfig(backend.defaults, {
    PORT: '0',
    LOG_LEVEL: 'silent',
    TRAINER_MOCK_SUBMITTED_SECONDS: '3600',
  });
  const service = await createService({
    backend,
    config,
    logger: createLogger(backend.name, config),
  });
  const url = await service.listen();
  const receiver = createServer((request, response) => {
    request.resume().once('end', () => response.end());
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const { port } = receiver.address() as AddressInfo;
  const callbacks = { webhook_url: `http://127.0.0.1:${port}/` };
  const post = (id: string) =>
    fetch(`${url}/train`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: toBody(id, { callbacks }),
    }).then((answer) => answer.text());

  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  const count = async (work: () => Promise<unknown>): Promise<Touched> => {
    await session.post('Profiler.takePreciseCoverage');
    await work();
    return toTouched((await session.post('Profiler.takePreciseCoverage')).result);
  };
  // What runs once for a process is no part of a request.
  await Promise.all([once(receiver, 'request'), post('first')]);
  await fetch(`${url}/train/first`).then((answer) => answer.text());
  const posted = await count(async () => {
    const received = once(receiver, 'request').then(([request]) => once(request, 'end'));
    await Promise.all([received, post('second')]);
    // The answer of the receiver is worked on, too.
    await delay(SETTLE_MS);
  });
  const read = await count(() => fetch(`${url}/train/second`).then((answer) => answer.text()));
  session.disconnect();
  await service.close();
  receiver.close();
  const toRow = (name: string, before: string, { files, functions }: Touched) => [
    name,
    String(files),
    String(functions),
    before,
  ];
  return toTable(
    ['one request', 'files', 'named functions', 'version 03f9e5d'],
    [
      toRow('POST /train and its first callback', '51 and 180', posted),
      toRow('GET /train/{job_id}', '17 and 31', read),
    ],
  );
}

function toTouched(
  scripts: readonly {
    readonly url: string;
    readonly functions: readonly {
      readonly functionName: string;
      readonly ranges: readonly { readonly count: number }[];
    }[];
  }[],
): Touched {
  const own = scripts
    .filter(({ url }) => OWN_CODE.test(url))
    .map(({ functions }) =>
      functions.filter(
        ({ functionName, ranges }) => functionName !== '' && (ranges[0]?.count ?? 0) > 0,
      ),
    )
    .filter((functions) => functions.length > 0);
  return { files: own.length, functions: own.reduce((sum, list) => sum + list.length, 0) };
}
