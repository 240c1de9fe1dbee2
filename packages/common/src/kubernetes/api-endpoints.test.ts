import { expect, test } from 'vitest';
import { toEndpoints } from './api-endpoints.ts';

test('an endpoint is known by its name and by all of its addresses', async () => {
  const lookup = async () => [{ address: '10.0.0.9' }, { address: 'fd00::9' }];
  expect(await toEndpoints({ address: 'api.example', port: 6443 }, lookup)).toEqual([
    { address: 'api.example', port: 6443 },
    { address: '10.0.0.9', port: 6443 },
    { address: 'fd00::9', port: 6443 },
  ]);
});

test.each(['10.0.0.9', 'fd00::9'])('the address %s is not looked up', async (address) => {
  const lookup = () => Promise.reject(new Error('asked'));
  expect(await toEndpoints({ address, port: 443 }, lookup)).toEqual([{ address, port: 443 }]);
});

test('a name that does not resolve is known as a name', async () => {
  const lookup = () => Promise.reject(new Error('no such name'));
  const endpoint = { address: 'api.example', port: 443 };
  expect(await toEndpoints(endpoint, lookup)).toEqual([endpoint]);
});
