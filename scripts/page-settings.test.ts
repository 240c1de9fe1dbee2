import { expect, it } from 'vitest';
import { preparePage } from './page-settings.mjs';

const at = (host: string) =>
  ['8081', '8082'].map((port) => ({ name: `s${port}`, url: `http://${host}:${port}`, host, port }));

it('makes services peers that let in pages of exactly their own addresses', () => {
  expect(preparePage(at('127.0.0.1'), {})).toEqual({
    TRAINER_PEERS: 's8081=http://127.0.0.1:8081,s8082=http://127.0.0.1:8082',
    TRAINER_CORS_ORIGINS:
      'http://127.0.0.1:8081,http://localhost:8081,http://127.0.0.1:8082,http://localhost:8082',
  });
});

it('leaves localhost out where that is not the host', () => {
  const { TRAINER_CORS_ORIGINS } = preparePage(at('127.8.9.10'), {});
  expect(TRAINER_CORS_ORIGINS).toBe('http://127.8.9.10:8081,http://127.8.9.10:8082');
});

it('keeps what the user has set', () => {
  const env = { TRAINER_PEERS: 'x=https://x.example', TRAINER_CORS_ORIGINS: 'https://y.example' };
  expect(preparePage(at('127.8.9.10'), env)).toEqual({
    TRAINER_PEERS: 'x=https://x.example',
    TRAINER_CORS_ORIGINS: 'https://y.example,http://127.8.9.10:8081,http://127.8.9.10:8082',
  });
});
