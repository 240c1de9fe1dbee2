import { validateHeaderValue } from 'node:http';
import { TrainerClient } from '@trainer/client';
import type { CliContext } from './cli-context.ts';
import { UsageError } from './usage-error.ts';

/** @throws UsageError where the environment names no service, or no token that can be sent. */
export function createClient(env: CliContext['env']): TrainerClient {
  const { TRAINER_URL: baseUrl, TRAINER_API_TOKEN: token } = env;
  if (!baseUrl || !URL.canParse(baseUrl) || !/^https?:/.test(baseUrl)) {
    throw new UsageError('Set TRAINER_URL to where the service is, such as http://localhost:8082.');
  }
  const { username, password } = new URL(baseUrl);
  if (username !== '' || password !== '') {
    throw new UsageError('TRAINER_URL must hold no user name or password; see TRAINER_API_TOKEN.');
  }
  try {
    validateHeaderValue('x-trainer-token', token?.trim() ?? '');
  } catch {
    throw new UsageError('TRAINER_API_TOKEN holds a character that no HTTP header can carry.');
  }
  // Someone sits and waits for the answer.
  return new TrainerClient({ baseUrl, retries: 2, ...(token && { token }) });
}
