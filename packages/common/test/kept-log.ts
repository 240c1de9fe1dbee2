import { Writable } from 'node:stream';
import { createLogger } from '../src/logger.ts';

/** A logger whose lines are at hand, one object a line. */
export function createKeptLog() {
  const lines: Record<string, unknown>[] = [];
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      for (const line of String(chunk).trim().split('\n')) lines.push(JSON.parse(line));
      done();
    },
  });
  return { lines, logger: createLogger('test', { logLevel: 'info' }, stream) };
}
