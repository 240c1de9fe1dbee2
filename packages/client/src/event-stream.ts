import type { Followed, FollowedEvent, JobList } from './job.ts';
import { ask, toRefusal, toUnreachable } from './send.ts';
import { TrainerApiError } from './trainer-api-error.ts';

/** One event as the wire has it; an `id` may come without an event. */
export interface WireEvent {
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly data: string;
}

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
    let text = '';
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      clearTimeout(silence);
      silence = setTimeout(() => leaving.abort(), SILENCE_MS);
      text += chunk;
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      yield* blocks.map(parseBlock);
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

function parseBlock(block: string): WireEvent {
  let id: string | undefined;
  let name: string | undefined;
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'id') id = value;
    else if (field === 'event') name = value;
    else if (field === 'data') data.push(value);
  }
  return { id, name, data: data.join('\n') };
}

/** What an event tells; undefined where that is nothing, also for one of a later version. */
export function toFollowed({ name, data }: WireEvent): Followed | undefined {
  if (name === undefined) return undefined;
  const told: unknown = JSON.parse(data);
  if (name === 'stream.reset') return { kind: 'reset' };
  if (name === 'stream.jobs') return { kind: 'jobs', jobs: (told as JobList).data };
  return name.startsWith('job.') ? { kind: 'event', event: told as FollowedEvent } : undefined;
}
