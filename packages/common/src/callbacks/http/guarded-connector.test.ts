import { describe, expect, it, vi } from 'vitest';
import { AddressPolicy } from './address-policy.ts';
import { GuardedConnector, type HostLookup, RefusedAddressError } from './guarded-connector.ts';

const policy = new AddressPolicy({
  allowLoopback: false,
  allowedHosts: undefined,
  forbiddenEndpoints: [],
});

function connect(connector: GuardedConnector, hostname: string): Promise<Error | null> {
  return new Promise((resolve) => {
    connector.connect({ hostname, protocol: 'http:', port: '' }, (...[error]) => resolve(error));
  });
}

describe('GuardedConnector', () => {
  it.each(['169.254.169.254', '::ffff:7f00:1', 'fe80::1'])(
    'refuses the address %s, which is never looked up',
    async (address) => {
      const connector = new GuardedConnector({ policy, timeoutMs: 1000 });
      expect(await connect(connector, address)).toBeInstanceOf(RefusedAddressError);
    },
  );

  it.each<[string, { address: string }[]]>([
    ['nothing', []],
    ['what is no address', [{ address: 'localhost' }]],
    ['forbidden addresses alone', [{ address: '::1' }, { address: '169.254.1.1' }]],
  ])('refuses a name that resolves to %s', async (_, addresses) => {
    const lookup = async () => addresses;
    const connector = new GuardedConnector({ policy, timeoutMs: 1000, lookup });
    expect(await connect(connector, 'hooks.example')).toBeInstanceOf(RefusedAddressError);
  });

  it('asks about a name once at a time, and anew afterwards', async () => {
    const asked: string[] = [];
    const answer = Promise.withResolvers<Awaited<ReturnType<HostLookup>>>();
    const lookup: HostLookup = (hostName) => {
      asked.push(hostName);
      return answer.promise;
    };
    const connector = new GuardedConnector({ policy, timeoutMs: 1000, lookup });
    const both = [connect(connector, 'slow.example'), connect(connector, 'slow.example')];
    await expect.poll(() => asked).toEqual(['slow.example']);
    answer.resolve([{ address: '::1' }]);
    for (const error of await Promise.all(both)) expect(error).toBeInstanceOf(RefusedAddressError);
    await connect(connector, 'slow.example');
    expect(asked).toEqual(['slow.example', 'slow.example']);
  });

  it('asks about few names at a time that took long last time, and about others at once', async () => {
    const asked: string[] = [];
    const now = vi.spyOn(performance, 'now');
    let nowMs = 0;
    now.mockImplementation(() => nowMs);
    let isHanging = false;
    const lookup: HostLookup = async (hostName) => {
      asked.push(hostName);
      if (!hostName.startsWith('slow')) return [];
      if (isHanging) return new Promise(() => {});
      await Promise.resolve();
      nowMs += 10_000;
      throw new Error('no such name');
    };
    const connector = new GuardedConnector({ policy, timeoutMs: 60_000, lookup });
    const slow = Array.from({ length: 5 }, (_, n) => `slow-${n}.example`);
    await Promise.all(slow.map((hostName) => connect(connector, hostName)));
    expect(asked.splice(0)).toEqual(slow);

    isHanging = true;
    const outcomes = slow.map((hostName) => connect(connector, hostName));
    await connect(connector, 'good.example');
    expect(asked.toSorted()).toEqual(['good.example', ...slow.slice(0, 2)]);
    connector.close();
    await Promise.all(outcomes);
    now.mockRestore();
  });

  it('gives up what it is connecting when it closes', async () => {
    const lookup = () => new Promise<never>(() => {});
    const connector = new GuardedConnector({ policy, timeoutMs: 60_000, lookup });
    const outcome = connect(connector, 'slow.example');
    connector.close();
    connector.close();
    expect(await outcome).toBeInstanceOf(Error);
  });
});
