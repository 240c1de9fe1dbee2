import type { PostResult } from '../../src/callbacks/http/webhook-client.ts';

/** What became of a POST that took a millisecond; without a status there was no answer. */
export function makePostResult(
  status: number | undefined,
  changes: Partial<PostResult> = {},
): PostResult {
  const isDelivered = status !== undefined && status >= 200 && status < 300;
  return {
    status,
    error: isDelivered ? undefined : 'It failed.',
    retryAfterMs: undefined,
    durationMs: 1,
    isCutOff: false,
    isRefused: false,
    ...changes,
  };
}
