/** The tests that mutants must survive: those that run in one process in seconds, on engines that are everywhere. docs/testing.md says what is left out and why. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [
      'test/{cli,conformance,datasets,docs,e2e,reports,site,torch}/**',
      'test/engines/!(fused).test.ts',
      'test/harness/run/workers.test.ts',
    ],
    env: { RAMPART_TORCH_BUILD: 'none' },
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
