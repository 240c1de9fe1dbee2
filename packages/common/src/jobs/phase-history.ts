import { PHASE_OWNERS, PHASES, type Phase, type PhaseOwner } from '../requests/phase.ts';
import type { JobRecord } from './job.ts';
import type { RecordChange } from './job-store.ts';
import { type CurrentPhase, toCurrentPhase } from './phase.ts';

/** A stretch of a job's life. Times are UNIX milliseconds. */
export interface PhaseSpan extends CurrentPhase {
  readonly startedAtMs: number;
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
  const known = record.phases ?? toFirstPhases(record);
  if (current === undefined) return undefined;
  const beginnings = known.split(';');
  const { phase, owner, startedAtMs } = parseBeginning(beginnings.at(-1) ?? '') ?? {};
  if (current.phase === phase && current.owner === owner) return undefined;
  const isStart = record.state.startedAtMs === undefined && current.owner === 'training';
  const changedAtMs =
    state === record.state
      ? (atMs ?? state.observedAtMs)
      : ((isStart ? state.startedAtMs : undefined) ?? state.observedAtMs);
  const nowMs = Math.max(changedAtMs, startedAtMs ?? 0);
  return shorten([...beginnings, writeBeginning(current, nowMs)]).join(';');
}

/** When the phase began that a record is in, or was in last. UNIX milliseconds. */
export function toLastBeginningMs(record: PhasedRecord): number {
  const { phases = toFirstPhases(record) } = record;
  const known = phases.split(';').map(parseBeginning);
  return known.findLast((begun) => begun !== undefined)?.startedAtMs ?? record.createdAtMs;
}

/** Each phase of a record with its end, oldest first; what was left out is a gap between two. Pure. */
export function toPhaseSpans(record: PhasedRecord): PhaseSpan[] {
  const { state, phases = toFirstPhases(record) } = record;
  const endedAtMs = toCurrentPhase(state, undefined) ? undefined : endOf(record);
  const beginnings = phases.split(';').map((text) => ({ text, begun: parseBeginning(text) }));
  return beginnings.flatMap(({ begun }, index) => {
    if (begun === undefined) return [];
    const next = beginnings[index + 1];
    const end =
      next === undefined
        ? endedAtMs
        : (next.begun?.startedAtMs ?? readTime(next.text.split('/')[2]));
    return [{ ...begun, endedAtMs: end && Math.max(end, begun.startedAtMs) }];
  });
}

/** How the life of every job begins, and all that is known of one that was written before phases were. */
function toFirstPhases({ createdAtMs, state }: PhasedRecord): string {
  const accepted = writeBeginning({ phase: 'queued', owner: 'service' }, createdAtMs);
  if (state.startedAtMs === undefined) return accepted;
  return `${accepted};${writeBeginning(TRAINING, Math.max(createdAtMs, state.startedAtMs))}`;
}

function endOf({ state }: PhasedRecord): number {
  return state.endedAtMs ?? state.observedAtMs;
}

function writeBeginning({ phase, owner }: CurrentPhase, atMs: number): string {
  return `${phase}/${owner}/${Math.round(atMs).toString(RADIX)}`;
}

/** Undefined for what was left out, and for what a later version wrote. */
function parseBeginning(text: string): Omit<PhaseSpan, 'endedAtMs'> | undefined {
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
