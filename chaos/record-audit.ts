import {
  parseEventSlots,
  parseEvents,
  parseRecord,
  type SecretData,
} from '@trainer/common/testing/internals';
import type { RerunAsked } from './job.ts';
import { isEnd, toAddress } from './receivers.ts';

/** A record as the cluster keeps it. */
export interface SeenRecord {
  readonly metadata: Parameters<typeof parseRecord>[0]['metadata'];
  readonly data?: SecretData;
}

/** What was asked of a job, as its history has it. */
export interface AskedEvent {
  readonly type: string;
  readonly status: unknown;
}

/** One record from its creation to its deletion. */
export interface RecordLife {
  readonly uid: string;
  readonly name: string;
  /** Where its submission had callbacks go. */
  readonly address: string | undefined;
  /** By the API server's clock, in whole seconds, as UNIX milliseconds. */
  readonly createdAtMs: number;
  /** The job that it says it is run again of, and from where. */
  readonly rerunOf: RerunAsked | undefined;
  /** Until when its run may save a checkpoint, UNIX milliseconds. */
  stopAtMs: number | undefined;
  /** What was asked of it, in its order. */
  readonly asked: readonly AskedEvent[];
}

interface Life extends RecordLife {
  /** Its terminal status, once it has one. */
  end: string | undefined;
  /** The same events as JSON, by id. */
  readonly texts: Map<number, string>;
  asked: AskedEvent[];
}

/** Follows every version of every record, as an administrator's watch tells it. */
export class RecordAudit {
  readonly #backend: string;
  readonly #lives = new Map<string, Life>();
  readonly #unlatched = new Set<string>();
  readonly #rewritten = new Set<string>();

  constructor(backend: string) {
    this.#backend = backend;
  }

  /** Records of the submission that had callbacks go to `address`. */
  livesAt(address: string | undefined): readonly RecordLife[] {
    return [...this.#lives.values()].filter((life) => life.address === address);
  }

  get(uid: string): RecordLife | undefined {
    return this.#lives.get(uid);
  }

  /** Names of jobs whose end was taken back or became another. */
  unlatched(): readonly string[] {
    return [...this.#unlatched];
  }

  /** Names of jobs whose history lost or changed what somebody had asked for. */
  rewritten(): readonly string[] {
    return [...this.#rewritten];
  }

  note({ metadata, data = {} }: SeenRecord): void {
    const record = parseRecord({ metadata }, this.#backend)?.record;
    if (record === undefined) return;
    const { uid, name, state, stopAtMs, rerunOf } = record;
    const life: Life = this.#lives.get(uid) ?? {
      ...{ uid, name, address: readAddress(data), stopAtMs, rerunOf },
      createdAtMs: Date.parse(metadata.creationTimestamp ?? ''),
      ...{ end: undefined, texts: new Map(), asked: [] },
    };
    this.#lives.set(uid, life);
    life.stopAtMs = stopAtMs;
    if (life.end !== undefined && life.end !== state.status) this.#unlatched.add(name);
    if (isEnd(state.status)) life.end = state.status;
    this.#noteAsked(life, data);
  }

  #noteAsked(life: Life, data: SecretData): void {
    const events = parseEvents(parseEventSlots(data));
    const asked = events.filter(({ actor }) => actor.type === 'anonymous');
    const texts = new Map(asked.map((event) => [event.id, JSON.stringify(event)]));
    const isRewritten = [...life.texts].some(([id, text]) => texts.get(id) !== text);
    if (isRewritten) this.#rewritten.add(life.name);
    for (const [id, text] of texts) life.texts.set(id, text);
    life.asked = asked.map(({ type, data: { status } }) => ({ type, status }));
  }
}

function readAddress(data: SecretData): string | undefined {
  const text = data['.callback.json'];
  if (text === undefined) return undefined;
  const { webhookUrl } = JSON.parse(Buffer.from(text, 'base64').toString());
  return toAddress(String(webhookUrl));
}
