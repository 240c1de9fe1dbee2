import { defineConfig } from 'vitest/config';

/** Tests that let public tools judge what we hand out; npx fetches the tools, each of one version. */
export default defineConfig({
  test: {
    include: ['test/**/*.tools.test.ts'],
    pool: 'forks',
    // Each spends its time in a process of its own, and npx does not like company.
    maxWorkers: 1,
    retry: 0,
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
