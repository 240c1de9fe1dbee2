import { z } from 'zod';
import type { Attachment } from '../../jobs/attachment.ts';
import { isEventSlot } from '../../jobs/history.ts';
import type {
  CallbackTarget,
  JobPayload,
  JsonObject,
  PlannedJob,
  RunnerPlan,
} from '../../jobs/job.ts';
import { purgePayload } from '../../jobs/purge-payload.ts';
import { type KeptRequest, writeKept } from '../../requests/kept-request.ts';
import { toJsonText } from '../../to-json-text.ts';

/** The type of our Secrets: distinguishes them from others, in `kubectl get secrets` too. */
export const SECRET_TYPE = 'trainer.deepfinery/job';

/**
 * Keys of what is ours in the data; those of a plan are its codec's. Every other key is a credential
 * under the name that the plan refers to, which is the name of an environment variable and so never
 * starts with a dot or a hyphen.
 */
const ASKED = '.asked.json';
const ASKED_2 = '.asked-2.json';
const CALLBACK = '.callback.json';
const REQUEST = '.request.json';
/**
 * What the kept request withholds. Versions that do not know it purge it as one of the credentials,
 * since it starts with no dot.
 */
const REQUEST_CREDENTIALS = '-request-credentials';

const CallbackSchema = z.looseObject({
  webhookUrl: z.string(),
  authHeader: z.string().optional(),
  eventFilter: z.array(z.string()).optional(),
});
const RequestSchema = z.object({
  body: z.record(z.string(), z.unknown()),
  withheld: z.array(z.array(z.union([z.string(), z.number()]))),
});
const ValuesSchema = z.array(z.unknown());

/** How the plans of one runner are written in a record's data. Each key starts with a dot. */
export interface PlanCodec {
  encode(planned: RunnerPlan): Readonly<Record<string, string>>;
  /** @throws SyntaxError when the texts are not what `encode` makes. */
  decode(read: (key: string) => string | undefined): RunnerPlan;
}

/** Base64 by key, as the API server stores it. */
export type SecretData = Readonly<Record<string, string>>;

/** The data of a new record. */
export function toData(payload: JobPayload, codec: PlanCodec): SecretData {
  const { asked, callback, secrets, request } = payload;
  return encodeTexts({
    ...secrets,
    ...toAskedTexts(asked),
    ...codec.encode(payload),
    ...(callback && { [CALLBACK]: JSON.stringify(callback) }),
    ...(request && toRequestTexts(request)),
  });
}

/** The part of a record's data that holds its plan. */
export function toPlanData(planned: RunnerPlan, codec: PlanCodec): SecretData {
  return encodeTexts(codec.encode(planned));
}

/** The part of a record's data that holds these attachments, given as JSON. */
export function toAttachmentData(texts: Readonly<Record<string, string>>): SecretData {
  return encodeTexts(
    Object.fromEntries(Object.entries(texts).map(([name, text]) => [toKey(name), text])),
  );
}

/** Undefined where there is none that can be read. */
export function parseAttachment(data: SecretData, name: Attachment): JsonObject | undefined {
  try {
    return JSON.parse(decode(data, toKey(name)) ?? '') as JsonObject;
  } catch {
    return undefined;
  }
}

/** The events of a record's data, in no order. */
export function parseEventSlots(data: SecretData): unknown[] {
  const names = Object.keys(data).flatMap((key) => /^\.(.+)\.json$/.exec(key)?.[1] ?? []);
  return names.filter(isEventSlot).map((name) => parseAttachment(data, name));
}

/** The part of a record's data that says where callbacks go: null removes it. */
export function toCallbackData(target: CallbackTarget | undefined): Record<string, string | null> {
  if (target === undefined) return { [CALLBACK]: null };
  return encodeTexts({ [CALLBACK]: JSON.stringify(target) });
}

/** What a record's data holds; each part is undefined where it cannot be read, as if it were gone. */
export interface ParsedData {
  readonly planned: PlannedJob | undefined;
  readonly callback: CallbackTarget | undefined;
  readonly secrets: JobPayload['secrets'];
  readonly request?: KeptRequest | undefined;
  /** The parts that are there and cannot be read. */
  readonly unreadable: readonly string[];
}

/** Never fails: messages of the JSON parser would quote what the record holds. */
export function parseData(data: SecretData, codec: PlanCodec): ParsedData {
  const unreadable: string[] = [];
  const read = <T>(part: string, parse: () => T): T | undefined => {
    try {
      return parse();
    } catch {
      unreadable.push(part);
      return undefined;
    }
  };
  const callback = decode(data, CALLBACK);
  const request = read('request', () => toKeptRequest(data));
  return {
    planned: read('plan', () => toPlannedJob(data, codec)),
    callback: callback === undefined ? undefined : read('callback', () => toCallback(callback)),
    secrets: Object.fromEntries(credentialKeys(data).map((key) => [key, decode(data, key) ?? ''])),
    ...(request && { request }),
    unreadable,
  };
}

function toPlannedJob(data: SecretData, codec: PlanCodec): PlannedJob {
  const first = JSON.parse(decode(data, ASKED) ?? '') as JsonObject;
  const second = decode(data, ASKED_2);
  const asked = { first, second: second === undefined ? undefined : JSON.parse(second) };
  return { asked, ...codec.decode((key) => decode(data, key)) };
}

/** Without what it withheld, where that is purged or does not belong to it. */
function toKeptRequest(data: SecretData): KeptRequest | undefined {
  const text = decode(data, REQUEST);
  if (text === undefined) return undefined;
  const { body, withheld } = RequestSchema.parse(JSON.parse(text));
  const credentials = decode(data, REQUEST_CREDENTIALS);
  const values = credentials === undefined ? [] : ValuesSchema.parse(JSON.parse(credentials));
  return { body, withheld, ...(values.length === withheld.length && { values }) };
}

function toRequestTexts(request: KeptRequest): Record<string, string> {
  const { values = [] } = request;
  return {
    [REQUEST]: writeKept(request),
    ...(values.length > 0 && { [REQUEST_CREDENTIALS]: JSON.stringify(values) }),
  };
}

/** Fields that a later version may have added are kept. */
function toCallback(text: string): CallbackTarget {
  return CallbackSchema.parse(JSON.parse(text)) as CallbackTarget;
}

/** The patch of a record's data that purges the credentials: null removes a key. */
export function toPurgeData(
  data: SecretData,
  { planned, callback, secrets }: ParsedData,
  isCallbackSettled: boolean,
): Readonly<Record<string, string | null>> {
  const keys = Object.fromEntries(credentialKeys(data).map((key) => [key, null]));
  // What cannot be read may hold anything.
  const asked = planned?.asked ?? { first: {}, second: undefined };
  const purged = purgePayload({ asked, callback, secrets }, isCallbackSettled);
  return {
    ...keys,
    ...(REQUEST_CREDENTIALS in data && { [REQUEST_CREDENTIALS]: null }),
    ...(ASKED in data && encodeTexts(toAskedTexts(purged.asked))),
    ...(purged.callback && encodeTexts({ [CALLBACK]: JSON.stringify(purged.callback) })),
    ...(purged.callback === undefined && isCallbackSettled && { [CALLBACK]: null }),
  };
}

function toAskedTexts({ first, second }: JobPayload['asked']): Readonly<Record<string, string>> {
  return {
    [ASKED]: toJsonText(first),
    ...(second && { [ASKED_2]: toJsonText(second) }),
  };
}

/** The key of an attachment. */
function toKey(name: string): string {
  return `.${name}.json`;
}

/** The keys of what a training needs to know to log in elsewhere. */
export function credentialKeys(data: SecretData): string[] {
  return Object.keys(data).filter((key) => !/^[.-]/.test(key));
}

function encodeTexts(texts: Readonly<Record<string, string>>): SecretData {
  return Object.fromEntries(
    Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
  );
}

function decode(data: SecretData, key: string): string | undefined {
  const text = data[key];
  return text === undefined ? undefined : Buffer.from(text, 'base64').toString();
}
