import { defineConfig } from 'vitest/config';

/** The tests that need a real control plane, which they share one after the other. */
export default defineConfig({
  test: {
    include: ['**/*.cluster.test.ts'],
    exclude: ['**/node_modules/**'],
    globalSetup: ['@trainer/common/testing/cluster/global-setup'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 300_000,
    retry: 0,
  },
});
