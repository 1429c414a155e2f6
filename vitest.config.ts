import { defineConfig } from 'vitest/config';
import { engineFiles } from './test/engine-files.ts';

export default defineConfig(async () => ({
  test: {
    // all, or those that the torch engine can change
    include: process.env.RAMPART_TESTS === 'engine' ? await engineFiles() : ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks' as const,
    maxWorkers: 2,
  },
}));
