import type { Logger } from 'pino';
import type { Random } from '../../../backoff.ts';
import type { Clock } from '../../../clock.ts';
import { DeadlineQueue } from '../../../deadline-queue.ts';
import { Emitter } from '../../../emitter.ts';
import type { ApiClient } from '../../../kubernetes/api-client.ts';
import { Informer } from '../../../kubernetes/informer.ts';
import type { CacheChange } from '../../../kubernetes/object-store.ts';
import { toTrainJobOfChild } from '../status/child-name.ts';
import type { Diagnoses, Diagnosis } from '../status/diagnoses.ts';
import { combine } from './diagnosis.ts';
import {
  EVENT_SELECTOR,
  type EventFinding,
  type EventObject,
  explainEvent,
} from './event-finding.ts';
import {
  createdMs,
  explainPod,
  JOB_SET_LABEL,
  type PodFinding,
  type PodObject,
  trainingResult,
  trainingStartedMs,
} from './pod-finding.ts';

/** What is kept of a pod or an Event, with the TrainJob that it belongs to. */
interface PodNote {
  readonly job: string;
  readonly finding: PodFinding | undefined;
  readonly createdAtMs: number;
  readonly startedAtMs: number | undefined;
  readonly resultText: string | undefined;
}
type EventNote = EventFinding & { readonly job: string };

interface JobNotes {
  readonly pods: Map<string, PodNote>;
  readonly events: Map<string, EventNote>;
  /** Outlives its pod, since a Job that gives up may delete that. */
  crash: Diagnosis | undefined;
  known: { readonly sinceMs: number; readonly diagnoses: Diagnoses } | undefined;
}

export interface DiagnosisWatchParts {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly namespace: string;
}

/** The API server sends no bookmarks of Events, so a quiet watch of them is a healthy one. */
const EVENT_SILENCE_MS = 15 * 60_000;

/**
 * Follows the pods and the Warning Events of the jobs' namespace, and keeps a sentence of each that
 * shows why a job waits or failed. Costs two watches while it is open, and nothing when not.
 */
export class DiagnosisWatch {
  readonly #pods: Informer<PodObject, PodNote>;
  readonly #events: Informer<EventObject, EventNote>;
  readonly #notes = new Map<string, JobNotes>();
  readonly #changes = new Emitter<string>();
  readonly #clock: Clock;
  /** When a finding is due to be told, by the name of its job. */
  readonly #due: DeadlineQueue;

  constructor({ namespace, ...parts }: DiagnosisWatchParts) {
    this.#clock = parts.clock;
    this.#due = new DeadlineQueue(parts.clock, (name) => this.#lookAgain(name));
    const root = `/api/v1/namespaces/${namespace}`;
    this.#pods = new Informer<PodObject, PodNote>({
      ...parts,
      path: `${root}/pods`,
      labelSelector: JOB_SET_LABEL,
      keep: toPodNote,
    });
    this.#events = new Informer<EventObject, EventNote>({
      ...parts,
      path: `${root}/events`,
      fieldSelector: EVENT_SELECTOR,
      silenceMs: EVENT_SILENCE_MS,
      keep: toEventNote,
    });
    this.#pods.watch((change) => this.#noteChange(change, 'pods'));
    this.#events.watch((change) => this.#noteChange(change, 'events'));
  }

  async open(): Promise<void> {
    await Promise.all([this.#pods.open(), this.#events.open()]);
  }

  async close(): Promise<void> {
    this.#due.clear();
    this.#notes.clear();
    await Promise.all([this.#pods.close(), this.#events.close()]);
    this.#notes.clear();
  }

  /** Whether every pod and Event was seen once, so that nothing found means that nothing is wrong. */
  get isComplete(): boolean {
    return Number.isFinite(this.#pods.behindForMs()) && Number.isFinite(this.#events.behindForMs());
  }

  /** What is known of one TrainJob, whose earlier namesakes ended before `sinceMs`. */
  get(name: string, sinceMs: number): Diagnoses | undefined {
    if (!this.isComplete) return undefined;
    const notes = this.#notes.get(name);
    if (notes === undefined) return { waiting: undefined, failure: undefined };
    if (notes.known?.sinceMs !== sinceMs) {
      const events = [...notes.events.values()].filter(({ atMs }) => atMs >= sinceMs);
      const pods = [...notes.pods.values()].map((pod) => this.#withoutEarly(name, pod));
      const { waiting, failure } = combine(pods, events);
      const startedAtMs = latest(pods.map((pod) => pod.startedAtMs));
      const resultText = pods.find((pod) => pod.resultText !== undefined)?.resultText;
      const diagnoses = { waiting, failure: failure ?? notes.crash, startedAtMs, resultText };
      notes.known = { sinceMs, diagnoses };
    }
    return notes.known.diagnoses;
  }

  /** Drops what outlived its pods; called once the TrainJob is gone. */
  forget(name: string): void {
    const notes = this.#notes.get(name);
    if (notes === undefined) return;
    notes.crash = undefined;
    notes.known = undefined;
    this.#dropEmpty(name, notes);
  }

  /** Without a finding that is not worth telling yet, which is looked at again when it is. */
  #withoutEarly(name: string, pod: PodNote): PodNote {
    const { fromMs } = pod.finding ?? {};
    if (fromMs === undefined || fromMs <= this.#clock.now()) return pod;
    this.#due.setEarlier(name, fromMs);
    return { ...pod, finding: undefined };
  }

  #lookAgain(name: string): void {
    const notes = this.#notes.get(name);
    if (notes === undefined) return;
    notes.known = undefined;
    this.#changes.emit(name);
  }

  watch(listener: (name: string) => void): () => void {
    return this.#changes.watch(listener);
  }

  #noteChange(change: CacheChange<PodNote>, kind: 'pods'): void;
  #noteChange(change: CacheChange<EventNote>, kind: 'events'): void;
  #noteChange(
    { name, value, previous }: CacheChange<PodNote | EventNote>,
    kind: 'pods' | 'events',
  ) {
    const job = (value ?? previous)?.job;
    if (job === undefined) return;
    const notes = this.#notes.get(job) ?? createNotes();
    this.#notes.set(job, notes);
    notes.known = undefined;
    const group: Map<string, PodNote | EventNote> = notes[kind];
    if (value === undefined) group.delete(name);
    else group.set(name, value);
    if (value !== undefined && 'finding' in value) notes.crash = toCrash(value) ?? notes.crash;
    this.#dropEmpty(job, notes);
    this.#changes.emit(job);
  }

  #dropEmpty(name: string, { pods, events, crash }: JobNotes): void {
    if (pods.size + events.size === 0 && crash === undefined) this.#notes.delete(name);
  }
}

function latest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((timeMs) => timeMs !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

function createNotes(): JobNotes {
  return { pods: new Map(), events: new Map(), crash: undefined, known: undefined };
}

function toPodNote(pod: PodObject): PodNote | undefined {
  const job = pod.metadata.labels?.[JOB_SET_LABEL];
  if (job === undefined) return undefined;
  return {
    job,
    finding: explainPod(pod),
    createdAtMs: createdMs(pod),
    startedAtMs: trainingStartedMs(pod),
    resultText: trainingResult(pod),
  };
}

function toEventNote(event: EventObject): EventNote | undefined {
  const { kind, name = '' } = event.involvedObject;
  const job = kind === 'TrainJob' || kind === 'JobSet' ? name : toTrainJobOfChild(name);
  const finding = explainEvent(event);
  return job === undefined || finding === undefined ? undefined : { ...finding, job };
}

function toCrash({ finding }: PodNote): Diagnosis | undefined {
  const hasCrashed = finding?.reason === 'POD_FAILED' || finding?.reason === 'OUT_OF_MEMORY';
  if (finding === undefined || !(finding.when === 'failed' || hasCrashed)) return undefined;
  const { reason, detail, lastWords } = finding;
  return { reason, detail, lastWords };
}
