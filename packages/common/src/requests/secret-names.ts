import type { Violation } from '../errors.ts';
import { isCredentialName } from './credential-names.ts';
import { createSecretTest, type SecretTest } from './credentials.ts';
import { toPath } from './format-issue.ts';
import type { Json } from './is-record.ts';
import type { ParsedRequest, RequestFormat } from './parse-training-request.ts';
import type { SchemaShape } from './schema-shape.ts';

const RULE =
  'must not have a credential, nor a URL with one, as the name of a part of it: names are shown';

/**
 * All that is wrong with a body that has a credential as a name, of a field that no schema knows, of
 * a label or of a variable; what of `violations` would show it is left out. Undefined for others.
 */
export function refuseSecretNames(
  { body, request, violations: refused }: ParsedRequest,
  { shape, credentials: fields }: Pick<RequestFormat, 'shape' | 'credentials'>,
  violations: readonly Violation[],
): Violation[] | undefined {
  // What stands in for refused parts holds no credential.
  const whole = refused.length === 0 && request !== undefined ? request : body;
  const isSecret = createSecretTest(whole, { counts: isCredentialName, fields });
  const paths = new Set<string>();
  collect(body, shape, isSecret, [], paths);
  if (paths.size === 0) return undefined;
  const named = [...paths].map((path) => ({
    path,
    message: `${path === '' ? 'The body' : path} ${RULE}.`,
  }));
  return [...violations.filter(({ message }) => !isSecret(message)), ...named];
}

/** Every request goes through it, so that a place is written down only where one is found. */
function collect(
  value: object,
  shape: SchemaShape | undefined,
  isSecret: SecretTest,
  path: (string | number)[],
  found: Set<string>,
): void {
  const isList = Array.isArray(value);
  for (const key of Object.keys(value)) {
    const child = (value as Json)[key];
    const known = isList ? shape?.element : shape?.fields.get(key);
    if (!isList && known === undefined && isSecret(key)) found.add(toPath(path));
    else if (typeof child === 'object' && child !== null) {
      // Variables may be a list of names and values.
      const isNamed = isList && shape?.credential !== undefined && isSecret((child as Json).name);
      if (isNamed) found.add(toPath(path));
      path.push(isList ? Number(key) : key);
      if (!isNamed) collect(child, known, isSecret, path, found);
      path.pop();
    }
  }
}
