import { lookup as systemLookup } from 'node:dns/promises';
import { isIP } from 'node:net';

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

type Lookup = (hostName: string) => Promise<readonly { readonly address: string }[]>;

/** An endpoint as it is written and, where that is a name, by every address that it has now. */
export async function toEndpoints(
  { address, port }: Endpoint,
  lookup: Lookup = (hostName) => systemLookup(hostName, { all: true }),
): Promise<Endpoint[]> {
  // One that does not resolve now cannot be reached either, and is known by its name.
  const found = isIP(address) === 0 ? await lookup(address).catch(() => []) : [];
  return [{ address, port }, ...found.map((resolved) => ({ address: resolved.address, port }))];
}
