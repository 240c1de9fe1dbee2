import { request } from 'undici';
import { Child, startService } from './child.ts';
import { toBody } from './example-request.ts';
import { applyLoad, type Request } from './load.ts';
import { median, toTable, toText } from './table.ts';

const CONNECTIONS = 16;
/** So many jobs are read in turn, as by launchers that each poll their own. */
const READ_JOBS = 500;

interface Round {
  readonly perSecond: number;
  /** CPU time of the server for one request, which waits for nobody and so tells more. */
  readonly cpuUs: number;
}
type Side = 'service' | 'bare';
type Series = Record<Side, Round[]>;

/**
 * POST and GET of a whole service against bare Fastify, in turns, so that whatever else the machine
 * does meets both alike.
 */
export async function measureHttp(options: { rounds: number; roundMs: number }): Promise<string> {
  const post: Series = { service: [], bare: [] };
  const get: Series = { service: [], bare: [] };
  for (let round = 0; round < options.rounds; round += 1) {
    // Fresh processes for each round, so that none carries the jobs of the round before.
    await using service = await startService();
    const answer = await submitJobs(service.url);
    await using bare = await Child.start('bare-server.ts', { env: { ANSWER: answer } });
    for (const [series, next] of [
      [get, nextGet],
      [post, nextPost],
    ] as const) {
      const children = [
        ['service', service],
        ['bare', bare],
      ] as const;
      for (const [, child] of children) await run(child, next, options.roundMs);
      for (const [side, child] of round % 2 === 0 ? children : children.toReversed()) {
        series[side].push(await run(child, next, options.roundMs));
      }
    }
  }
  const rows = [toRow('POST /train', post, '0.60'), toRow('GET /train/{job_id}', get, '0.80')];
  const header = ['', 'service', 'bare', 'ratio', 'rounds', 'goal', 'CPU', 'bare CPU', 'CPU ratio'];
  return toTable(header, rows);
}

async function run(child: Child, next: () => Request, durationMs: number): Promise<Round> {
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

function nextPost(): Request {
  postCount += 1;
  return { method: 'POST', path: '/train', body: toBody(`post-${postCount}`) };
}

function nextGet(): Request {
  getCount += 1;
  return { method: 'GET', path: `/train/get-${getCount % READ_JOBS}` };
}

/** Submits the jobs that will be read; one answer. */
async function submitJobs(url: string): Promise<string> {
  const headers = { 'content-type': 'application/json' };
  let text = '';
  for (let index = 0; index < READ_JOBS; index += 1) {
    const body = toBody(`get-${index}`, { extra_parameters: { mock: { outcome: 'never' } } });
    const answer = await request(`${url}/train`, { method: 'POST', headers, body });
    text = await answer.body.text();
  }
  return text;
}

function toRow(name: string, { service, bare }: Series, goal: string): string[] {
  const middle = (rounds: readonly Round[], key: keyof Round) =>
    median(rounds.map((round) => round[key]));
  const ratios = service.map((own, index) => own.perSecond / (bare[index]?.perSecond ?? 0));
  const cpuRatios = service.map((own, index) => (bare[index]?.cpuUs ?? 0) / own.cpuUs);
  return [
    name,
    `${toText(middle(service, 'perSecond'))}/s`,
    `${toText(middle(bare, 'perSecond'))}/s`,
    median(ratios).toFixed(2),
    `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`,
    goal,
    `${toText(middle(service, 'cpuUs'))} µs`,
    `${toText(middle(bare, 'cpuUs'))} µs`,
    median(cpuRatios).toFixed(2),
  ];
}
