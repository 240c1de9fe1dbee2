import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { RESERVED_VARIABLES } from './reserved-variables.ts';

const RUNTIME = fileURLToPath(new URL('../../../../runtime/trainer_runtime', import.meta.url));

describe.runIf(existsSync(RUNTIME))('the runtime', () => {
  test('reads no TRAINER_ variable that a request could set', () => {
    const files = readdirSync(RUNTIME, { recursive: true, encoding: 'utf8' });
    const read = files
      .filter((file) => file.endsWith('.py'))
      .flatMap(
        (file) => readFileSync(join(RUNTIME, file), 'utf8').match(/"TRAINER_[A-Z_]+"/g) ?? [],
      )
      .map((quoted) => quoted.slice(1, -1));
    expect(read.length).toBeGreaterThan(0);
    expect([...new Set(read)].filter((name) => !RESERVED_VARIABLES.has(name))).toEqual([]);
  });
});

test('no name of them is one that our other prefixes cover', () => {
  for (const name of RESERVED_VARIABLES) expect(name).toMatch(/^TRAINER_[A-Z_]+$/);
});
