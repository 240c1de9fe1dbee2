import { request } from 'undici';
import { Child, startService } from './child.ts';
import { toBody } from './example-request.ts';
import { applyLoad, type LoadOptions } from './load.ts';
import { median, toTable, toText } from './table.ts';

const CONNECTIONS = 16;
/** So many jobs are read in turn, as by launchers that each poll their own. */
const READ_JOBS = 500;

interface Round {
  readonly perSecond: number;
  /** CPU time of the server for one request. */
  readonly cpuUs: number;
}

/**
 * POST and GET of a whole service against bare Fastify, in turns, so that what else the machine
 * does meets both alike. The service runs with its defaults, but for limits that a load test meets.
 */
export async function measureHttp({ rounds, roundMs }: { rounds: number; roundMs: number }) {
  const results = { post: newSeries(), get: newSeries() };
  for (let round = 0; round < rounds; round += 1) {
    // Fresh processes for each round: neither has to carry the jobs of the round before.
    await using service = await startService({
      TRAINER_RATE_LIMIT_PER_MINUTE: '0',
      TRAINER_MAX_JOBS: '10000000',
    });
    const bytes = await submitAndRead(service.url);
    await using barePost = await Child.start('bare-server.ts', { ANSWER_BYTES: `${bytes.post}` });
    await using bareGet = await Child.start('bare-server.ts', { ANSWER_BYTES: `${bytes.get}` });
    const pairs = [
      { series: results.get, next: nextGet, bare: bareGet },
      { series: results.post, next: nextPost, bare: barePost },
    ];
    for (const { series, next, bare } of pairs) {
      const sides = [
        { child: service, rounds: series.service },
        { child: bare, rounds: series.bare },
      ];
      for (const { child } of sides) await run(child, next, roundMs / 3);
      for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
        side.rounds.push(await run(side.child, next, roundMs));
      }
    }
  }
  return report(results, rounds, roundMs);
}

function newSeries() {
  return { service: [] as Round[], bare: [] as Round[] };
}

async function run(child: Child, next: LoadOptions['next'], durationMs: number): Promise<Round> {
  const before = await child.usage();
  const count = await applyLoad(child.url, { connections: CONNECTIONS, durationMs, next });
  const after = await child.usage();
  return {
    perSecond: count / (durationMs / 1000),
    cpuUs: ((after.cpuMs - before.cpuMs) / count) * 1000,
  };
}

let postCount = 0;
let getCount = 0;

function nextPost() {
  postCount += 1;
  return { method: 'POST', path: '/train', body: toBody(`post-${postCount}`) } as const;
}

function nextGet() {
  getCount += 1;
  return { method: 'GET', path: `/train/get-${getCount % READ_JOBS}` } as const;
}

/** Submits the jobs that will be read; the sizes of the answers. */
async function submitAndRead(url: string): Promise<{ post: number; get: number }> {
  const headers = { 'content-type': 'application/json' };
  let post = 0;
  for (let index = 0; index < READ_JOBS; index += 1) {
    const body = toBody(`get-${index}`, { extra_parameters: { mock: { outcome: 'never' } } });
    const answer = await request(`${url}/train`, { method: 'POST', headers, body });
    post = (await answer.body.bytes()).length;
  }
  const answer = await request(`${url}/train/get-0`);
  return { post, get: (await answer.body.bytes()).length };
}

function report(results: Record<'post' | 'get', ReturnType<typeof newSeries>>, rounds: number, roundMs: number) {
  const goals = { post: 0.6, get: 0.8 };
  const rows = (['post', 'get'] as const).map((name) => {
    const { service, bare } = results[name];
    const ratios = service.map((own, index) => own.perSecond / (bare[index]?.perSecond ?? 0));
    const of = (series: Round[], key: keyof Round) => median(series.map((round) => round[key]));
    return [
      name === 'post' ? 'POST /train' : 'GET /train/{job_id}',
      toText(of(service, 'perSecond')),
      toText(of(bare, 'perSecond')),
      median(ratios).toFixed(2),
      `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`,
      goals[name].toFixed(2),
      toText(of(service, 'cpuUs')),
      toText(of(bare, 'cpuUs')),
    ];
  });
  const header = ['', 'service/s', 'bare/s', 'ratio', 'of the rounds', 'goal', 'service µs CPU', 'bare µs CPU'];
  return `Medians of ${rounds} rounds of ${roundMs / 1000} s, ${CONNECTIONS} connections.\n\n${toTable(header, rows)}`;
}
