import { chosen } from './targets.mjs';

export default {
  test: {
    include: chosen().tests.map((folder) => `${folder}/**/*.test.ts`),
    exclude: ['**/node_modules/**', '**/*.cluster.test.ts'],
    testTimeout: 10_000,
  },
};
