import { defineConfig } from 'vitest/config';

/** Tests that train for real, in the Python of TRAINER_LOCAL_PYTHON (`npm run test:training`). */
export default defineConfig({
  test: {
    include: ['test/training/*.training.test.ts'],
    pool: 'forks',
    // A training takes a core of its own.
    maxWorkers: 1,
    retry: 0,
    testTimeout: 900_000,
    hookTimeout: 900_000,
  },
});
