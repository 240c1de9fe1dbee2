import { ask, toRefusal, toUnreachable } from './send.ts';
import { TrainerApiError } from './trainer-api-error.ts';
import { type WireEvent, WireEvents } from './wire-events.ts';

/** Services say something every 15 seconds, so that a longer silence is a broken connection. */
const SILENCE_MS = 60_000;

/**
 * The events of one stream, until it ends; none for a 204.
 * @throws TrainerApiError for any other answer and a broken connection, or the reason of `signal`.
 */
export async function* readEventStream(
  fetch: typeof globalThis.fetch,
  { url, headers }: { readonly url: URL; readonly headers: Readonly<Record<string, string>> },
  signal: AbortSignal | undefined,
): AsyncGenerator<WireEvent> {
  const leaving = new AbortController();
  const signals = signal === undefined ? [leaving.signal] : [leaving.signal, signal];
  let silence = setTimeout(() => leaving.abort(), SILENCE_MS);
  try {
    const response = await ask(fetch, { method: 'GET', url, headers }, AbortSignal.any(signals));
    if (response.status === 204) return;
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream');
    if (response.status !== 200 || !isStream || response.body === null) {
      throw await toRefusal(response);
    }
    const events = new WireEvents();
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      clearTimeout(silence);
      silence = setTimeout(() => leaving.abort(), SILENCE_MS);
      yield* events.push(chunk);
    }
  } catch (error) {
    if (error instanceof TrainerApiError) throw error;
    signal?.throwIfAborted();
    throw toUnreachable(url, error);
  } finally {
    clearTimeout(silence);
    leaving.abort();
  }
}
