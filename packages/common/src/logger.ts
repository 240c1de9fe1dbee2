import { type DestinationStream, type Logger, pino } from 'pino';
import type { Config } from './config.ts';
import { redact } from './requests/credentials.ts';

/** Lines are written some 16 KiB at a time, at the latest after 100 ms and at any exit but kill -9. */
const STANDARD_OUTPUT = { dest: 1, sync: false, minLength: 16_000, periodicFlush: 100 };

interface LoggedRequest {
  readonly method?: string;
  readonly url?: string;
  readonly ip?: string;
}

/**
 * JSON lines on standard output. Requests are logged without headers, query and body, errors
 * without fields of their own, and URLs without user info and query, so that no credential is.
 */
export function createLogger(
  backend: string,
  { logLevel }: Pick<Config, 'logLevel'>,
  destination: DestinationStream = pino.destination(STANDARD_OUTPUT),
): Logger {
  const options = {
    level: logLevel,
    base: { service: `${backend}-api` },
    timestamp: createTimestamp(),
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: {
      req: ({ method, url, ip }: LoggedRequest) => ({ method, path: url?.split('?')[0], ip }),
      err: serializeError,
    },
  };
  return pino(options, destination);
}

/** Busy services write several lines in a millisecond, which then share the text of the time. */
function createTimestamp(): () => string {
  let lastMs = Number.NaN;
  let text = '';
  return () => {
    const nowMs = Date.now();
    if (nowMs !== lastMs) {
      lastMs = nowMs;
      text = `,"time":"${new Date(nowMs).toISOString()}"`;
    }
    return text;
  };
}

/** Causes are logged by name only: what libraries put into their messages is not ours to judge. */
function serializeError(error: unknown) {
  if (!(error instanceof Error)) return { message: 'not an Error' };
  const { name, message, stack, cause } = error;
  return {
    type: name,
    message: redact(message),
    stack: redact(stack ?? ''),
    cause: cause instanceof Error ? cause.name : undefined,
  };
}
