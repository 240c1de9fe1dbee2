import type { Followed, FollowedEvent, JobList } from './job.ts';

/** One block of a stream of Server-Sent Events; an `id` may come without an event. */
export interface WireEvent {
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly data: string;
}

/** Takes a stream of Server-Sent Events apart, in whatever pieces its text comes. */
export class WireEvents {
  #text = '';

  /** The blocks that are whole with this piece; a comment is one that has nothing. */
  push(text: string): WireEvent[] {
    const blocks = (this.#text + text).split('\n\n');
    this.#text = blocks.pop() ?? '';
    return blocks.map(parseBlock);
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
