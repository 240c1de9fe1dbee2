import type { JobPayload, JobPlan } from '../../jobs/job.ts';

/** The type of our Secrets: tells them from others, in `kubectl get secrets` too. */
export const SECRET_TYPE = 'trainer.deepfinery/job';

/**
 * Keys of what is ours in the data. Every other key is a credential under the name that the manifest
 * refers to, which is the name of an environment variable and so never starts with a dot.
 */
const ASKED = '.asked.json';
const MANIFEST = '.train-job.json';
const CALLBACK = '.callback.json';

/** Base64 by key, as the API server stores it. */
export type SecretData = Readonly<Record<string, string>>;

export function toData({ asked, manifest, callback, secrets }: JobPayload): SecretData {
  const texts = {
    ...secrets,
    [ASKED]: JSON.stringify(asked),
    [MANIFEST]: JSON.stringify(manifest),
    ...(callback && { [CALLBACK]: JSON.stringify(callback) }),
  };
  return Object.fromEntries(
    Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
  );
}

/** @throws SyntaxError when the data is not what `toData` makes. */
export function toPayload(data: SecretData): JobPayload {
  const callback = data[CALLBACK] === undefined ? undefined : decodeJson(data, CALLBACK);
  return {
    ...toPlan(data),
    callback: callback as JobPayload['callback'],
    secrets: Object.fromEntries(credentialKeys(data).map((key) => [key, decode(data, key)])),
  };
}

/** @throws SyntaxError when the data is not what `toData` makes. */
export function toPlan(data: SecretData): JobPlan {
  return {
    asked: decodeJson(data, ASKED) as JobPlan['asked'],
    manifest: decodeJson(data, MANIFEST) as JobPlan['manifest'],
  };
}

/** The keys of what a training needs to know to log in elsewhere. */
export function credentialKeys(data: SecretData): string[] {
  return Object.keys(data).filter((key) => !key.startsWith('.'));
}

function decode(data: SecretData, key: string): string {
  return Buffer.from(data[key] ?? '', 'base64').toString();
}

function decodeJson(data: SecretData, key: string): unknown {
  return JSON.parse(decode(data, key));
}
