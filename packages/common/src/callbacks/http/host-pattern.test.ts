import { describe, expect, it } from 'vitest';
import { HostPattern, toHostName } from './host-pattern.ts';

describe('HostPattern', () => {
  it.each([
    ['hooks.example.com', 'hooks.example.com', 443, true],
    ['Hooks.EXAMPLE.com.', 'hooks.example.com', 443, true],
    ['hooks.example.com', 'hooks-example.com', 443, false],
    ['hooks.example.com', 'evil.hooks.example.com', 443, false],
    ['hooks.example.com', 'hooks.example.com.evil.org', 443, false],
    ['*.example.com', 'a.b.example.com', 443, true],
    ['*.example.com', 'example.com', 443, false],
    ['*.example.com', 'evilexample.com', 443, false],
    ['*.example.com', 'a.example.com.evil.org', 443, false],
    ['*.example.com:8443', 'a.example.com', 8443, true],
    ['*.example.com:8443', 'a.example.com', 443, false],
    ['*', 'anything.example.org', 80, true],
    ['10.0.0.*', '10.0.0.7', 80, true],
    ['10.0.0.*', '10.0.1.7', 80, false],
    ['10.0.0.7:80', '10.0.0.7', 80, true],
    ['FD00::0:7', 'fd00::7', 80, true],
    ['[fd00::7]:8080', 'fd00::7', 8080, true],
    ['[fd00::7]:8080', 'fd00::7', 80, false],
    ['*.bücher.example', 'a.xn--bcher-kva.example', 443, true],
  ])('%s with %s port %i: %s', (pattern, host, port, expected) => {
    expect(new HostPattern(pattern).matches(host, port)).toBe(expected);
  });

  it.each([
    '',
    '.',
    'a b',
    'https://example.com',
    'example.com/path',
    'a\\b',
    '%61.example.com',
    'example.com:http',
    '[::1',
  ])('refuses %j', (pattern) => {
    expect(() => new HostPattern(pattern)).toThrow(TypeError);
  });
});

describe('toHostName', () => {
  it.each([
    ['LocalHost..', 'localhost'],
    ['0x7f.1', '127.0.0.1'],
    ['[0:0:0:0:0:FFFF:1.2.3.4]', '::ffff:102:304'],
    ['.', ''],
    ['a b', ''],
  ])('writes %j as %j', (text, expected) => {
    expect(toHostName(text)).toBe(expected);
  });
});
