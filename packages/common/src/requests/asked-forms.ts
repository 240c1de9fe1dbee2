import { findDifferences, toAsked, toFingerprint } from './canonical-request.ts';
import { dropCredentials } from './credential-fields.ts';
import { withoutCredentialWords } from './credential-words.ts';
import { toFirstForm } from './first-canonical-form.ts';
import { REQUEST_FORMAT, type RequestFormat } from './parse-training-request.ts';
import type { TrainingRequest } from './training-request.ts';

type Json = Readonly<Record<string, unknown>>;

/** What was asked, canonical and without credentials, in the forms that replicas compare. */
export interface AskedForms {
  /** The form of the first release. */
  readonly first: Json;
  /** The form that decides; undefined in what the first release kept. */
  readonly second: Json | undefined;
}

/** What a record keeps to know a repeated request again. */
export interface Fingerprints {
  /** Of the first form: replicas of the first release compare it alone. */
  readonly fingerprint: string;
  /** Of the second form; undefined in records of the first release. */
  readonly fingerprint2: string | undefined;
}

/** What makes one request the same as another. */
export interface RequestIdentity {
  readonly asked: AskedForms;
  readonly fingerprints: Fingerprints;
}

/** The identity of a request, which holds no credential. */
export function identifyRequest(
  body: Json,
  request: TrainingRequest,
  { shape, credentials }: Pick<RequestFormat, 'shape' | 'credentials'> = REQUEST_FORMAT,
): RequestIdentity {
  const { form: second, isFirstForm } = toAsked(body, request, shape);
  const fingerprint2 = toFingerprint(second);
  if (isFirstForm) {
    return {
      asked: { first: second, second },
      fingerprints: { fingerprint: fingerprint2, fingerprint2 },
    };
  }
  // A field that was marked since is none that the first release knows.
  const unmarked = dropCredentials(body, credentials, { keepsNames: false }) as Json;
  const first = toFirstForm(unmarked, request);
  return {
    // The first release counts credentials of a command line, which need not be kept for that.
    asked: { first: withoutArguments(first), second },
    fingerprints: { fingerprint: toFingerprint(first), fingerprint2 },
  };
}

/** Whether a request repeats the one that a record was made of. */
export function isRepeated(record: Fingerprints, asked: Fingerprints): boolean {
  return record.fingerprint2 === undefined
    ? record.fingerprint === asked.fingerprint
    : record.fingerprint2 === asked.fingerprint2;
}

/** Where a request differs from the one that was kept, as paths. */
export function nameDifferences(kept: AskedForms, asked: AskedForms): string[] {
  if (kept.second === undefined || asked.second === undefined) {
    return findDifferences(kept.first, asked.first);
  }
  return findDifferences(kept.second, asked.second);
}

function withoutArguments(form: Json): Json {
  const { extra_parameters } = form as { extra_parameters?: Json };
  if (extra_parameters === undefined) return form;
  const words = Object.fromEntries(
    ['trainer_command', 'trainer_args'].flatMap((key) => {
      const list = extra_parameters[key] as readonly string[] | undefined;
      return list === undefined ? [] : [[key, withoutCredentialWords(list)]];
    }),
  );
  return { ...form, extra_parameters: { ...extra_parameters, ...words } };
}
