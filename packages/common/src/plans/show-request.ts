import type { CredentialFields } from '../requests/credential-fields.ts';
import {
  createSecretTest,
  redact,
  replaceTexts,
  replaceUrlSecrets,
  withoutCredentials,
} from '../requests/credentials.ts';
import type { TrainingRequest } from '../requests/training-request.ts';

/** A request as it may be shown: without credentials, also where a text repeats one. */
export function showRequest(
  request: TrainingRequest,
  credentials: CredentialFields | undefined,
): Record<string, unknown> {
  const holdsSecret = createSecretTest(request, { ...(credentials && { fields: credentials }) });
  // What a URL holds of its own is taken out of it, and the rest stays readable.
  const repeatsSecret = (text: string) => holdsSecret(replaceUrlSecrets(text, '', ''));
  const visible = withoutCredentials(request, credentials);
  return redact(replaceTexts(visible, repeatsSecret)) as Record<string, unknown>;
}
