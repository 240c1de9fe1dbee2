import type { TokenStore } from './token-store.ts';
import { TrainerService } from './trainer-service.ts';

/** Another service, by its address as this browser sees it. */
export interface PeerAddress {
  readonly name: string;
  readonly origin: string;
}

/** The service that served the page, at `baseUrl`, and its peers. */
export function createServices(
  own: { readonly name: string; readonly baseUrl: string },
  peers: readonly PeerAddress[],
  tokens: TokenStore,
): TrainerService[] {
  const all = [own, ...peers.map(({ name, origin }) => ({ name, baseUrl: `${origin}/` }))];
  return all
    .map(({ name, baseUrl }) => new TrainerService(name, baseUrl, tokens))
    .sort((one, other) => one.name.localeCompare(other.name));
}
