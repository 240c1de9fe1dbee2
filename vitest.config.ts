import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['packages', 'services', 'scripts', 'test', 'testbed', 'chaos'].map(
      (folder) => `${folder}/**/*.test.ts`,
    ),
    exclude: [
      '**/node_modules/**',
      '**/*.cluster.test.ts',
      '**/*.tools.test.ts',
      '**/*.training.test.ts',
      '**/*.e2e.test.ts',
      '**/*.page.test.ts',
    ],
    // Threads cannot receive signals, which the tests of starting and closing send.
    pool: 'forks',
    maxWorkers: 2,
    retry: 0,
    // Tests wait for events; how long that may take is for a machine that is busy with other things.
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
