import { PHASE_OWNERS, PHASES, type Phase, type PhaseOwner } from '../requests/phase.ts';
import type { JobRecord } from './job.ts';
import type { RecordChange } from './job-store.ts';
import { type CurrentPhase, toCurrentPhase } from './phase.ts';

interface Beginning extends CurrentPhase {
  readonly startedAtMs: number;
}

/** A stretch of a job's life. Times are UNIX milliseconds. */
export interface PhaseSpan extends Beginning {
  /** Undefined while it lasts. */
  readonly endedAtMs: number | undefined;
}

type PhasedRecord = Pick<JobRecord, 'phases' | 'createdAtMs' | 'state' | 'reported'>;

/**
 * So many beginnings are kept, some 30 bytes each: those at the start, which tell of all that a job
 * waited for, and the newest ones. In between, a training saves and evaluates again and again.
 */
const MAX_FIRST = 6;
const MAX_NEWEST = 10;
const TRAINING: CurrentPhase = { phase: 'training', owner: 'training' };
const KNOWN_PHASES = new Map<string | undefined, Phase>(PHASES.map((name) => [name, name]));
const KNOWN_OWNERS = new Map<string | undefined, PhaseOwner>(
  PHASE_OWNERS.map((name) => [name, name]),
);
/** Stands where beginnings were left out. */
const LEFT_OUT = '?';
const RADIX = 36;

/**
 * The phases of a record after a change, as the short text that it keeps: `queued/queue/mif2x0k1;…`,
 * when each began. Undefined where the phase stays. Pure.
 */
export function appendPhase(record: PhasedRecord, change: RecordChange): string | undefined {
  // Most changes, such as a delivery, are of neither.
  if (change.state === undefined && change.reported === undefined) return undefined;
  const { state = record.state, reported = record.reported, atMs } = change;
  const isMissed = record.state.startedAtMs === undefined && state.startedAtMs !== undefined;
  // Nobody may have looked between a start and an end.
  const current = toCurrentPhase(state, reported) ?? (isMissed ? TRAINING : undefined);
  if (current === undefined) return undefined;
  const { phase, owner, startedAtMs } = readLast(record) ?? {};
  if (current.phase === phase && current.owner === owner) return undefined;
  const isStart = record.state.startedAtMs === undefined && current.owner === 'training';
  const changedAtMs =
    state === record.state
      ? (atMs ?? state.observedAtMs)
      : ((isStart ? state.startedAtMs : undefined) ?? state.observedAtMs);
  const nowMs = Math.max(changedAtMs, startedAtMs ?? 0);
  const known = record.phases?.split(';') ?? toFirst(record).map(writeBeginning);
  return shorten([...known, writeBeginning({ ...current, startedAtMs: nowMs })]).join(';');
}

/** When the phase began that a record is in, or was in last. UNIX milliseconds. */
export function toLastBeginningMs(record: PhasedRecord): number {
  const last = readLast(record) ?? readAll(record).findLast((begun) => begun !== undefined);
  return last?.startedAtMs ?? record.createdAtMs;
}

/** Each phase of a record with its end, oldest first; what was left out is a gap between two. Pure. */
export function toPhaseSpans(record: PhasedRecord): PhaseSpan[] {
  const { state, phases } = record;
  const endedAtMs = toCurrentPhase(state, undefined) ? undefined : endOf(record);
  const beginnings = readAll(record);
  return beginnings.flatMap((begun, index) => {
    if (begun === undefined) return [];
    const next = index + 1;
    const end =
      next === beginnings.length
        ? endedAtMs
        : (beginnings[next]?.startedAtMs ?? readTime(phases?.split(';')[next]?.split('/')[2]));
    return [{ ...begun, endedAtMs: end && Math.max(end, begun.startedAtMs) }];
  });
}

/** How the life of every job begins, and all that is known of one that was written before phases were. */
function toFirst({ createdAtMs, state }: PhasedRecord): Beginning[] {
  const acceptedAtMs = Math.round(createdAtMs);
  const accepted: Beginning = { phase: 'queued', owner: 'service', startedAtMs: acceptedAtMs };
  if (state.startedAtMs === undefined) return [accepted];
  const startedAtMs = Math.max(acceptedAtMs, Math.round(state.startedAtMs));
  return [accepted, { ...TRAINING, startedAtMs }];
}

/** Undefined where something was left out, and for what a later version wrote. */
function readAll(record: PhasedRecord): (Beginning | undefined)[] {
  return record.phases?.split(';').map(parseBeginning) ?? toFirst(record);
}

/** The last of `readAll`, without a look at the others. */
function readLast(record: PhasedRecord): Beginning | undefined {
  const { phases } = record;
  if (phases === undefined) return toFirst(record).at(-1);
  return parseBeginning(phases.slice(phases.lastIndexOf(';') + 1));
}

function endOf({ state }: PhasedRecord): number {
  return state.endedAtMs ?? state.observedAtMs;
}

function writeBeginning({ phase, owner, startedAtMs }: Beginning): string {
  return `${phase}/${owner}/${Math.round(startedAtMs).toString(RADIX)}`;
}

function parseBeginning(text: string): Beginning | undefined {
  const [phaseName, ownerName, at] = text.split('/');
  const phase = KNOWN_PHASES.get(phaseName);
  const owner = KNOWN_OWNERS.get(ownerName);
  const startedAtMs = readTime(at);
  if (phase === undefined || owner === undefined || startedAtMs === undefined) return undefined;
  return { phase, owner, startedAtMs };
}

function readTime(text = ''): number | undefined {
  const atMs = Number.parseInt(text, RADIX);
  return atMs <= MAX_TIME_MS ? atMs : undefined;
}

/** What a Date can hold. */
const MAX_TIME_MS = 8.64e15;

function shorten(beginnings: string[]): string[] {
  if (beginnings.length <= MAX_FIRST + MAX_NEWEST) return beginnings;
  const [first, left, newest] = [
    beginnings.slice(0, MAX_FIRST - 1),
    beginnings[MAX_FIRST - 1] ?? '',
    beginnings.slice(-MAX_NEWEST),
  ];
  return [...first, `${LEFT_OUT}/${LEFT_OUT}/${left.split('/')[2]}`, ...newest];
}
