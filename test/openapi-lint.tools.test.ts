import { expect, it } from 'vitest';
import { runNpx } from './run-npx.ts';

it('satisfies every rule of a public linter', async () => {
  const { code, stdout, stderr } = await runNpx(
    ['@redocly/cli@2.77.0'],
    ['redocly', 'lint', 'docs/openapi.json', '--extends=recommended-strict', '--format=stylish'],
    { REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
  );
  expect({ code, output: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, output: '' });
});
