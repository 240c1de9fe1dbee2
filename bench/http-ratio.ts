import { request } from 'undici';
import { Child, type MeasuredProcess, startService } from './child.ts';
import { toBody } from './example-request.ts';
import { applyLoad, type Request } from './load.ts';
import { PeerProcess } from './peer-process.ts';
import { median, toTable, toText } from './table.ts';

const CONNECTIONS = 16;
/** So many jobs are read in turn, as by launchers that each poll their own. */
const READ_JOBS = 500;

/** Whom the service is measured beside. */
const PEERS = {
  bare: 'bare Fastify',
  fastapi: 'FastAPI with the same duties',
  small: 'FastAPI without duties',
} as const;
type Peer = keyof typeof PEERS;
type Side = 'service' | Peer;

interface Round {
  readonly perSecond: number;
  /** CPU time of the server for one request, which waits for nobody and so tells more. */
  readonly cpuUs: number;
}
type Series = Record<Side, Round[]>;

const OPERATIONS = [
  { name: 'POST /train', next: nextPost, goals: { bare: '0.40', fastapi: '2.5', small: '' } },
  {
    name: 'GET /train/{job_id}',
    next: nextGet,
    goals: { bare: '0.75', fastapi: '2.5', small: '' },
  },
] as const;

/**
 * POST and GET of a whole service beside its peers, in turns, so that whatever else the machine does
 * meets all alike. Figures are medians over the rounds; ratios are of the same round.
 */
export async function measureHttp(options: { rounds: number; roundMs: number }): Promise<string> {
  const series = OPERATIONS.map((): Series => ({ service: [], bare: [], fastapi: [], small: [] }));
  for (let round = 0; round < options.rounds; round += 1) {
    // Fresh processes for each round, so that none carries the jobs of the round before.
    await using service = await startService();
    const answer = await submitJobs(service.url);
    await using bare = await Child.start('bare-server.ts', { env: { ANSWER: answer } });
    await using fastapi = await PeerProcess.start('full_service.py');
    await using small = await PeerProcess.start('small_service.py');
    for (const peer of [fastapi, small]) await submitJobs(peer.url);
    const sides = Object.entries({ service, bare, fastapi, small }) as [Side, MeasuredProcess][];
    for (const [index, { next }] of OPERATIONS.entries()) {
      for (const [, process] of sides) await run(process, next, options.roundMs);
      for (const [side, process] of round % 2 === 0 ? sides : sides.toReversed()) {
        series[index]?.[side].push(await run(process, next, options.roundMs));
      }
    }
  }
  const rows = OPERATIONS.flatMap(({ name, goals }, index) =>
    toRows(name, series[index] as Series, goals),
  );
  const header = [
    '',
    'beside',
    'service',
    'peer',
    'ratio',
    'rounds',
    'goal',
    'CPU',
    'peer CPU',
    'CPU ratio',
  ];
  return toTable(header, rows);
}

async function run(
  process: MeasuredProcess,
  next: () => Request,
  durationMs: number,
): Promise<Round> {
  const before = await process.usage();
  const count = await applyLoad(process.url, { connections: CONNECTIONS, durationMs, next });
  const after = await process.usage();
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

function toRows(name: string, series: Series, goals: Record<Peer, string>): string[][] {
  const { service } = series;
  const middle = (rounds: readonly Round[], key: keyof Round) =>
    median(rounds.map((round) => round[key]));
  return (Object.keys(PEERS) as Peer[]).map((peer) => {
    const rounds = series[peer];
    const ratios = service.map((own, index) => own.perSecond / (rounds[index]?.perSecond ?? 0));
    const cpuRatios = service.map((own, index) => (rounds[index]?.cpuUs ?? 0) / own.cpuUs);
    return [
      name,
      PEERS[peer],
      `${toText(middle(service, 'perSecond'))}/s`,
      `${toText(middle(rounds, 'perSecond'))}/s`,
      median(ratios).toFixed(2),
      `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`,
      goals[peer],
      `${toText(middle(service, 'cpuUs'))} µs`,
      `${toText(middle(rounds, 'cpuUs'))} µs`,
      median(cpuRatios).toFixed(2),
    ];
  });
}
