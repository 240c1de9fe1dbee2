import type { PeerAddress } from './api/services.ts';

/** What the service that served the page wrote into it. */
export interface Settings {
  /** Its own name. */
  readonly service: string;
  readonly title: string;
  readonly peers: readonly PeerAddress[];
}

/** @throws Error when the document is not one that a service has served. */
export function readSettings(document: Document): Settings {
  const text = document.getElementById('settings')?.textContent ?? '';
  const { service, title, peers } = JSON.parse(text) as Partial<Settings>;
  if (service === undefined || title === undefined || peers === undefined) {
    throw new Error('This page shows something only where a service serves it.');
  }
  return { service, title, peers };
}
