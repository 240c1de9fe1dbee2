import type { ServerResponse } from 'node:http';

/** Calls `listener` once nobody reads an answer any more, at once where that is so already. */
export function onceClosed(raw: ServerResponse, listener: () => void): void {
  // It says that it is closed once only, also to who asks after a pause in which its client left.
  if (raw.destroyed) listener();
  else raw.once('close', listener);
}
