import { defineConfig } from 'vitest/config';

const LIFECYCLE = 'test/lifecycle/**/*.test.ts';
const PACKAGE = 'test/package/**/*.test.ts';
const common = { pool: 'forks', testTimeout: 120_000 } as const;

// One group after the other: the tests that look at delays and at memory have the machine to themselves.
export default defineConfig({
  test: {
    reporters: ['default', './test/helpers/closing-line.ts'],
    projects: [
      {
        test: {
          ...common,
          name: 'features',
          include: ['test/**/*.test.ts'],
          exclude: [LIFECYCLE, PACKAGE],
          // Two at a time: the kernels under test are parallel themselves.
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      { test: { ...common, name: 'lifecycle', include: [LIFECYCLE], maxWorkers: 1, sequence: { groupOrder: 1 } } },
      { test: { ...common, name: 'package', include: [PACKAGE], maxWorkers: 1, sequence: { groupOrder: 2 } } },
    ],
  },
});
