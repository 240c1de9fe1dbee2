import { defineConfig } from 'vitest/config';

/** Tests that drive the page in a real Chromium (`npm run test:page`); with UPDATE_PICTURES=1 they write docs/images. */
export default defineConfig({
  test: {
    include: ['packages/page/test/**/*.page.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    retry: 0,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
