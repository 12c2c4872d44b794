import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    reporters: ['default', './test/helpers/closing-line.ts'],
    pool: 'forks',
    testTimeout: 60_000,
    // Two at a time: the kernels under test are parallel themselves.
    maxWorkers: 2,
  },
});
