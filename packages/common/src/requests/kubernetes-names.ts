import { DNS_SUBDOMAIN } from '../dns-names.ts';

/** Everything of ours on a Kubernetes object carries this prefix; requests may not use it. */
export const OWN_PREFIX = 'trainer.deepfinery/';

const NAME_PART = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

/** Whether `key` can be the key of a label or an annotation: `[prefix/]name`. */
export function isMetadataKey(key: string): boolean {
  const slash = key.indexOf('/');
  if (slash < 0) return NAME_PART.test(key);
  const prefix = key.slice(0, slash);
  return prefix.length <= 253 && DNS_SUBDOMAIN.test(prefix) && NAME_PART.test(key.slice(slash + 1));
}

export function isLabelValue(value: string): boolean {
  return value === '' || NAME_PART.test(value);
}

/** The names that every Kubernetes release accepts for a variable of a container. */
export function isEnvName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_.-]{0,252}$/.test(name);
}
