import type { CredentialFields } from '../requests/credential-fields.ts';
import { createSecretTest, REDACTED, redact, withoutCredentials } from '../requests/credentials.ts';
import type { TrainingRequest } from '../requests/training-request.ts';

/** A request as it may be shown: without credentials, also where a text repeats one. */
export function showRequest(
  request: TrainingRequest,
  credentials: CredentialFields | undefined,
): Record<string, unknown> {
  const holdsSecret = createSecretTest(request, { ...(credentials && { fields: credentials }) });
  const shown = redact(withoutCredentials(request, credentials));
  return withoutSecretTexts(shown, (text) => text !== REDACTED && holdsSecret(text)) as Record<
    string,
    unknown
  >;
}

function withoutSecretTexts(value: unknown, isSecret: (text: string) => boolean): unknown {
  if (typeof value === 'string')
    return isSecret(value) && !value.includes(REDACTED) ? REDACTED : value;
  if (Array.isArray(value)) return value.map((item) => withoutSecretTexts(item, isSecret));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [key, withoutSecretTexts(child, isSecret)]),
  );
}
