import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { findMarkedProcesses } from '@trainer/common/testing';
import { type AcceptedJob, addressesOf, mayBeDropped } from '../job.ts';
import { findWrongHistory, isMisdirected, isToldOfLater } from '../steering-verdict.ts';
import { isTold } from '../verdict.ts';
import type { LocalWorkloadParts } from './workload.ts';

/** What is known of one machine at the end of a run. */
export interface Evidence extends Pick<LocalWorkloadParts, 'receivers' | 'fixture' | 'starts'> {
  readonly accepted: readonly AcceptedJob[];
  readonly keptThoughForgotten: readonly string[];
  /** Reruns of which the job before them, or they themselves, told otherwise. */
  readonly familyWrong: readonly string[];
  /** Calls that nobody ever answered, by the id of their job. */
  readonly unanswered: readonly string[];
  /** Names of jobs whose run may have another end than was asked for. */
  readonly touched: ReadonlySet<string>;
  /** Names of jobs that we ended ourselves, without a cancel. */
  readonly removed: ReadonlySet<string>;
  readonly url: string;
}

/** Judges a run by what the receivers got, what trainers started, and what is there at the end. */
export async function judge(evidence: Evidence): Promise<Record<string, readonly string[]>> {
  const { accepted, receivers, fixture, touched } = evidence;
  const runs = countStarts(evidence.starts);
  const endsOf = (job: AcceptedJob) => receivers.endsAt(...addressesOf(job));
  const pick = (isBad: (job: AcceptedJob) => boolean) => accepted.filter(isBad).map(({ id }) => id);
  const isWrong = (job: AcceptedJob, status: string) => {
    const wanted = job.cancel === undefined ? job.plan : 'cancelled';
    return status !== wanted && !touched.has(job.name);
  };
  return {
    lost: pick((job) => !isTold(job, receivers) && !mayBeDropped(job)),
    toldTwice: pick((job) => {
      const ends = endsOf(job);
      return new Set(ends.map(({ webhookId, status }) => `${webhookId} ${status}`)).size > 1;
    }),
    runTwice: pick(({ id }) => (runs.get(id) ?? 0) > 1),
    wronglyEnded: accepted.flatMap((job) => {
      const wrong = endsOf(job).find(({ status }) => isWrong(job, status));
      return wrong === undefined ? [] : [`${job.id}: ${wrong.status} after ${job.plan}`];
    }),
    uncancelled: pick(
      (job) =>
        job.cancel?.answeredWith === 'cancelled' &&
        endsOf(job).some(({ status }) => status !== 'cancelled'),
    ),
    succeededWithoutRun: pick(
      (job) => endsOf(job).some(({ status }) => status === 'succeeded') && !runs.has(job.id),
    ),
    misdirected: pick((job) => job.places.some((place) => isMisdirected(job, place, receivers))),
    keptThoughForgotten: evidence.keptThoughForgotten,
    cameBack: await findKnown(evidence),
    historyWrong: await findWrongHistories(evidence),
    familyWrong: evidence.familyWrong,
    unanswered: evidence.unanswered,
    leftOver: listLeftOver(fixture.stateDir),
  };
}

function countStarts(file: string): ReadonlyMap<string, number> {
  const started = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  const runs = new Map<string, number>();
  for (const id of started) runs.set(id, (runs.get(id) ?? 0) + 1);
  return runs;
}

/** Jobs that are known, or were told of, after their forgetting was acknowledged. */
async function findKnown({ accepted, receivers, url }: Evidence): Promise<string[]> {
  const forgotten = accepted.filter(({ forgetting }) => forgetting?.acknowledgedAtMs !== undefined);
  const known: string[] = [];
  for (const job of forgotten) {
    const isKnown = (await fetch(`${url}/train/${job.id}`)).status !== 404;
    if (isKnown || isToldOfLater(job, receivers)) known.push(job.id);
  }
  return known;
}

/** Of jobs that nobody had forgotten; records of one machine do not expire here. */
async function findWrongHistories({ accepted, removed, url }: Evidence): Promise<string[]> {
  const wrong: string[] = [];
  for (const job of accepted) {
    const { acknowledgedAtMs, mayBeDone = false } = job.forgetting ?? {};
    if (acknowledgedAtMs !== undefined) continue;
    const answer = await fetch(`${url}/train/${job.id}/events`);
    if (answer.status === 404 && mayBeDone) continue;
    const { data = [] } = (await answer.json()) as { data?: HistoryEvent[] };
    const asked = data.filter(({ actor }) => actor.type === 'anonymous');
    const found = findWrongHistory(job, asked.map(toAsked), removed.has(job.name));
    if (found !== undefined) wrong.push(`${job.id}: ${found}`);
  }
  return wrong;
}

interface HistoryEvent {
  readonly type: string;
  readonly actor: { readonly type: string };
  readonly data: { readonly status?: unknown };
}

function toAsked({ type, data: { status } }: HistoryEvent) {
  return { type, status };
}

/** Ids of runs of this machine that still have a process. */
function listLeftOver(stateDir: string): string[] {
  const all = execFileSync('sh', ['-c', 'cat /proc/[0-9]*/environ 2>/dev/null || true'], {
    encoding: 'latin1',
    maxBuffer: 1 << 28,
  });
  // Another machine of the same kernel may be at work, such as a service of whoever runs this.
  const runs = new RegExp(`TRAINER_STATUS_FILE=${stateDir}/runs/([0-9a-f-]{36})/`, 'g');
  const ids = new Set([...all.matchAll(runs)].map(([, id = '']) => id));
  return [...ids].filter((id) => findMarkedProcesses(id).length > 0);
}
