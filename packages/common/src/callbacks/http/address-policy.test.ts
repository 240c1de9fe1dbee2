import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AddressPolicy, type AddressPolicySettings } from './address-policy.ts';

const SETTINGS: AddressPolicySettings = {
  allowLoopback: false,
  allowedHosts: undefined,
  forbiddenEndpoints: [
    { address: '10.96.0.1', port: 443 },
    { address: 'fd00:96::1', port: 6443 },
    { address: 'API.cluster.example.', port: 6443 },
  ],
};
const policy = new AddressPolicy(SETTINGS);
const local = new AddressPolicy({ ...SETTINGS, allowLoopback: true });

const METADATA = 'must not point to a link-local or metadata address';
const LOOPBACK = 'must not point to a loopback address';
const UNSPECIFIED = 'must not point to an unspecified address';
const MULTICAST = 'must not point to a multicast, broadcast or reserved address';
const API_SERVER = "must not point to the cluster's own API server";
const TUNNEL = 'must not point to an IPv4 address inside an IPv6 one';
const NO_URL = 'must be an absolute http or https URL';

const HOSTILE: [url: string, refusal: string][] = [
  ['http://169.254.169.254/latest/meta-data/', METADATA],
  ['http://169.254.169.254./', METADATA],
  ['http://169.254.170.2/v2/credentials', METADATA],
  ['http://2852039166/', METADATA],
  ['http://0xA9FEA9FE/', METADATA],
  ['http://0xa9.0xfe.0xa9.0xfe/', METADATA],
  ['http://0251.0376.0251.0376/', METADATA],
  ['http://0251.254.0xa9.254/', METADATA],
  ['http://169.254.43518/', METADATA],
  ['http://169.16689662/', METADATA],
  ['http://%31%36%39.254.169.254/', METADATA],
  ['http://①⑥⑨.②⑤④.①⑥⑨.②⑤④/', METADATA],
  ['http://169。254。169。254/', METADATA],
  ['http:169.254.169.254', METADATA],
  ['http:\\\\169.254.169.254\\', METADATA],
  ['http:///169.254.169.254/', METADATA],
  ['  http://169.254.\t169.254/', METADATA],
  ['HTTPS://169.254.169.254/', METADATA],
  ['http://hooks.example.com@169.254.169.254/', METADATA],
  ['http://hooks.example.com:80@169.254.169.254:8080/', METADATA],
  ['http://[::ffff:169.254.169.254]/', METADATA],
  ['http://[::FFFF:A9FE:A9FE]/', METADATA],
  ['http://[0:0:0:0:0:ffff:a9fe:a9fe]/', METADATA],
  ['http://[::ffff:0:169.254.169.254]/', METADATA],
  ['http://[64:ff9b::169.254.169.254]/', METADATA],
  ['http://[64:ff9b:1::a9fe:a9fe]/', TUNNEL],
  ['http://[64:ff9b:1:a9fe:a9:fe00::1]/', TUNNEL],
  ['http://[2002:a9fe:a9fe::1]/', METADATA],
  ['http://[::169.254.169.254]/', TUNNEL],
  ['http://[::a9fe:a9fe]/', TUNNEL],
  ['http://[2001:0:a9fe:a9fe::1]/', TUNNEL],
  ['http://[fe80::1]/', METADATA],
  ['http://[FEBF::1]/', METADATA],
  ['http://[fe80::1%25eth0]/', NO_URL],
  ['http://[fd00:ec2::254]/', METADATA],
  ['http://[fd20:ce::254]/', METADATA],
  ['http://[fd00:c1::a9fe:a9fe]/', METADATA],
  ['http://[fd00:42::42]/', METADATA],
  ['http://100.100.100.200/', METADATA],
  ['http://168.63.129.16/', METADATA],
  ['http://192.0.0.192/', METADATA],
  ['http://metadata.google.internal/computeMetadata/v1/', METADATA],
  ['http://METADATA.google.internal./', METADATA],
  ['http://metadata.goog/', METADATA],
  ['http://0.0.0.0/', UNSPECIFIED],
  ['http://0/', UNSPECIFIED],
  ['http://0x0.0/', UNSPECIFIED],
  ['http://0.1.2.3/', UNSPECIFIED],
  ['http://[::]/', UNSPECIFIED],
  ['http://[::ffff:0.0.0.0]/', UNSPECIFIED],
  ['http://224.0.0.1/', MULTICAST],
  ['http://239.255.255.250/', MULTICAST],
  ['http://255.255.255.255/', MULTICAST],
  ['http://4294967295/', MULTICAST],
  ['http://250.1.1.1/', MULTICAST],
  ['http://[ff02::1]/', MULTICAST],
  ['http://[::ffff:224.0.0.1]/', MULTICAST],
  ['https://10.96.0.1/', API_SERVER],
  ['https://10.96.0.1:443/', API_SERVER],
  ['http://10.96.1:443/', API_SERVER],
  ['https://0x0a600001/', API_SERVER],
  ['https://[::ffff:10.96.0.1]/', API_SERVER],
  ['https://[64:ff9b::10.96.0.1]/', API_SERVER],
  ['https://[FD00:96:0::1]:6443/', API_SERVER],
  ['https://api.cluster.example:6443/', API_SERVER],
  ['https://kubernetes.default/', API_SERVER],
  ['https://kubernetes.default.svc/', API_SERVER],
  ['https://KUBERNETES.default.svc.cluster.local./', API_SERVER],
  ['http://hooks.example.com:0/', 'must not use port 0'],
  ['http://10.0.0.1:0/', 'must not use port 0'],
  ['http://./', 'must name a host'],
  [`http://${'a.'.repeat(200_000)}com/`, 'must name a host'],
  ['ftp://hooks.example.com/', NO_URL],
  ['file:///etc/passwd', NO_URL],
  ['gopher://169.254.169.254/', NO_URL],
  ['javascript:alert(1)', NO_URL],
  ['ws://hooks.example.com/', NO_URL],
  ['//hooks.example.com/', NO_URL],
  ['hooks.example.com', NO_URL],
  ['http://', NO_URL],
  ['', NO_URL],
];

const LOOPBACKS = [
  'http://127.0.0.1/',
  'http://127.255.255.254:8080/',
  'http://2130706433/',
  'http://017700000001/',
  'http://0x7f.1/',
  'http://127.1/',
  'http://127.0.0.1./',
  'http://①②⑦.0.0.1/',
  'http://[::1]/',
  'http://[0:0:0:0:0:0:0:1]/',
  'http://[::ffff:127.0.0.1]/',
  'http://[64:ff9b::7f00:1]/',
  'http://[2002:7f00:1::]/',
  'http://localhost/',
  'http://LOCALHOST:3000/',
  'http://localhost./',
  'http://localhost../',
  'http://studio.localhost/',
  'http://localhost.localdomain/',
];

const FRIENDLY = [
  'http://hooks.example.com/',
  'https://hooks.example.com:8443/a?token=b',
  'http://training-studio.studio.svc.cluster.local/api/training/webhooks/1',
  'http://studio:3000/',
  'http://kubernetes-dashboard.default.svc/',
  'http://notlocalhost/',
  'http://localhost.example.com/',
  'http://10.1.2.3/',
  'http://172.16.0.9/',
  'http://192.168.1.1:8080/',
  'http://100.64.0.1/',
  'http://[fd00::1]/',
  'http://[2606:4700::1111]/',
  'http://8.8.8.8/',
  'http://10.96.0.1:80/',
  'https://10.96.0.2/',
];

describe('AddressPolicy.refuseUrl', () => {
  it.each(HOSTILE.filter(([, refusal]) => refusal !== ''))('refuses %.80s', (url, refusal) => {
    expect(policy.refuseUrl(url)).toBe(refusal);
    expect(local.refuseUrl(url)).toBe(refusal);
  });

  it.each(LOOPBACKS)('allows %s only to a service on loopback', (url) => {
    expect(policy.refuseUrl(url)).toBe(LOOPBACK);
    expect(local.refuseUrl(url)).toBeUndefined();
  });

  it.each(FRIENDLY)('allows %s', (url) => {
    expect(policy.refuseUrl(url)).toBeUndefined();
  });

  it('refuses private networks where only public ones are allowed', () => {
    const publicOnly = new AddressPolicy({ ...SETTINGS, publicOnly: true });
    const refused = FRIENDLY.filter((url) => publicOnly.refuseUrl(url) !== undefined);
    expect(refused).toEqual(FRIENDLY.filter((url) => /\/(1\d+\.|\[fd)/.test(url)));
    expect(publicOnly.refuseUrl('http://[64:ff9b::a00:1]/')).toBe(
      'must not point to a private address',
    );
    expect(publicOnly.refuseUrl('http://[64:ff9b::808:808]/')).toBeUndefined();
  });

  it('refuses what none of the allowed hosts covers, and never allows more', () => {
    const allowedHosts = ['*.example.com', '10.0.0.5:8080', '*.google.internal', '169.254.*'];
    const narrow = new AddressPolicy({ ...SETTINGS, allowedHosts });
    const refusal = 'must point to a host that TRAINER_CALLBACK_ALLOWED_HOSTS allows';
    expect(narrow.refuseUrl('https://Hooks.Example.com./')).toBeUndefined();
    expect(narrow.refuseUrl('http://10.0.0.5:8080/')).toBeUndefined();
    expect(narrow.refuseUrl('http://10.0.0.5/')).toBe(refusal);
    expect(narrow.refuseUrl('http://example.com/')).toBe(refusal);
    expect(narrow.refuseUrl('http://x.example.com@example.org/')).toBe(refusal);
    expect(narrow.refuseUrl('http://metadata.google.internal/')).toBe(METADATA);
    expect(narrow.refuseUrl('http://169.254.169.254/')).toBe(METADATA);
    expect(() => new AddressPolicy({ ...SETTINGS, allowedHosts: ['a b'] })).toThrow(TypeError);
  });

  it('judges any text without throwing or repeating it', () => {
    const codes = fc.array(fc.nat(0xffff), { minLength: 8 });
    const text = codes.map((list) => String.fromCharCode(...list));
    const start = fc.constantFrom('', 'http://', 'https://[', 'http://u:p@');
    fc.assert(
      fc.property(start, text, (prefix, rest) => {
        const refusal = policy.refuseUrl(prefix + rest) ?? 'must';
        expect(refusal).toMatch(/^must/);
        expect(refusal).not.toContain(rest);
      }),
    );
  });
});

describe('AddressPolicy.refuseAddress', () => {
  it.each([
    ['169.254.169.254', METADATA],
    ['::ffff:169.254.169.254', METADATA],
    ['fe80::1%eth0', METADATA],
    ['fe80::1%2', METADATA],
    ['127.0.0.1', LOOPBACK],
    ['::1', LOOPBACK],
    ['10.96.0.1', API_SERVER],
    ['::ffff:a60:1', API_SERVER],
    ['0177.0.0.1', 'must not point to an address that is not plainly written'],
    ['hooks.example.com', 'must not point to an address that is not plainly written'],
    ['', 'must not point to an address that is not plainly written'],
  ])('refuses %s', (address, refusal) => {
    expect(policy.refuseAddress(address, 443)).toBe(refusal);
  });

  it('refuses the API server by address and port, also on loopback', () => {
    const forbiddenEndpoints = [{ address: '127.0.0.1', port: 6443 }];
    const testbed = new AddressPolicy({ ...SETTINGS, allowLoopback: true, forbiddenEndpoints });
    expect(testbed.refuseAddress('127.0.0.1', 6443)).toBe(API_SERVER);
    expect(testbed.refuseAddress('::ffff:127.0.0.1', 6443)).toBe(API_SERVER);
    expect(testbed.refuseAddress('127.0.0.1', 6444)).toBeUndefined();
  });

  it('judges an IPv4 address the same in every IPv6 form that a router unwraps', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.nat(65_535), (address, port) => {
        const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
        const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
        const expected = policy.refuseAddress(address, port);
        for (const form of [`::ffff:${address}`, `64:ff9b::${address}`, `2002:${hex}::1`]) {
          expect(policy.refuseAddress(form, port)).toBe(expected);
        }
        expect(policy.refuseAddress(`::${address}`, 80)).toMatch(/^must not/);
      }),
    );
  });

  it('judges every spelling of an IPv4 address in a URL as the address', () => {
    const spelling = fc.constantFrom(
      (parts: number[]) => parts.join('.'),
      (parts: number[]) => parts.map((part) => `0${part.toString(8)}`).join('.'),
      (parts: number[]) => parts.map((part) => `0x${part.toString(16)}`).join('.'),
      (parts: number[]) => String(parts.reduce((sum, part) => sum * 256 + part, 0)),
      (parts: number[]) => `[::ffff:${parts.join('.')}]`,
    );
    fc.assert(
      fc.property(fc.ipV4(), spelling, (address, spell) => {
        const host = spell(address.split('.').map(Number));
        expect(policy.refuseUrl(`http://${host}/`)).toBe(policy.refuseAddress(address, 80));
      }),
    );
  });
});
