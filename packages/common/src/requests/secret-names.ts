import type { Violation } from '../errors.ts';
import { listCredentials, replaceUrlSecrets, secretWebhooks } from './credentials.ts';
import { toPath } from './format-issue.ts';
import type { Json } from './is-record.ts';
import { isAdmittingUrl } from './object-address.ts';
import type { ParsedRequest, RequestFormat } from './parse-training-request.ts';
import type { SchemaShape } from './schema-shape.ts';
import { TokenSearch } from './token-search.ts';

const RULE = 'must not have a credential, nor a URL with one, as the name of a part of it';
/** A sentence shows names, and cuts long ones: less of a token than this may stand there. */
const MIN_CUT_LENGTH = 8;

type TextTest = (text: string) => boolean;

/**
 * All that is wrong with a body that has a credential as a name, of a field that no schema knows, of
 * a label or of a variable; what of `violations` would show it is left out. Undefined for others. Only
 * what can hardly be anything else counts, since a word that somebody has for a password is in many
 * names. What it costs grows with the body, whatever is in it.
 */
export function refuseSecretNames(
  { body, request, violations: refused }: ParsedRequest,
  { shape, credentials: fields }: Pick<RequestFormat, 'shape' | 'credentials'>,
  violations: readonly Violation[],
): Violation[] | undefined {
  // What stands in for refused parts holds no credential.
  const whole = refused.length === 0 && request !== undefined ? request : body;
  const credentials = listCredentials(whole, fields);
  const found = new Map<string, Violation>();
  collect(body, shape, createNameTest(whole, new TokenSearch(credentials)), [], found);
  if (found.size === 0) return undefined;
  const beginnings = new TokenSearch(credentials, MIN_CUT_LENGTH);
  const told = violations.filter(
    ({ message }) => replaceUrlSecrets(message, '', '') === message && !beginnings.isIn(message),
  );
  return [...told, ...found.values()];
}

/** Makes a test for texts that show a token of `request`, its secret webhook, or another URL that admits. */
export function createNameTest(request: object, tokens: TokenSearch): TextTest {
  const webhooks = secretWebhooks(request);
  return (text) =>
    isAdmittingUrl(text) || tokens.isIn(text) || webhooks.some((url) => text.includes(url));
}

/** Every request goes through it, so that a place is written down only where one is found. */
function collect(
  value: object,
  shape: SchemaShape | undefined,
  isSecret: TextTest,
  path: (string | number)[],
  found: Map<string, Violation>,
): void {
  const isList = Array.isArray(value);
  let index = -1;
  for (const key of Object.keys(value)) {
    index += 1;
    const child = (value as Json)[key];
    const known = isList ? shape?.element : shape?.fields.get(key);
    if (!isList && known === undefined && isSecret(key)) add(found, toPath(path), index);
    else if (typeof child === 'object' && child !== null) {
      // Variables may be a list of names and values.
      const { name } = child as Json;
      const isNamed =
        isList && shape?.credential !== undefined && typeof name === 'string' && isSecret(name);
      if (isNamed) add(found, toPath(path), index);
      path.push(isList ? index : key);
      if (!isNamed) collect(child, known, isSecret, path, found);
      path.pop();
    }
  }
}

/** The first of each place, by its number, since its name must not be told. */
function add(found: Map<string, Violation>, path: string, index: number): void {
  if (found.has(path)) return;
  const subject = path === '' ? 'The body' : path;
  const message = `${subject} ${RULE} (number ${index + 1} of them): names are shown.`;
  found.set(path, { path, message });
}
