import { defineConfig } from 'vitest/config';

/** Tests that train for real in the pods of a real control plane (`npm run test:end-to-end`). */
export default defineConfig({
  test: {
    include: ['test/end-to-end/*.e2e.test.ts'],
    globalSetup: ['@trainer/common/testing/cluster/global-setup'],
    pool: 'forks',
    // A training takes a core of its own.
    maxWorkers: 1,
    retry: 0,
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
