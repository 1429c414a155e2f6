/** Mutation tests, `npm run test:mutants`; docs/testing.md says how to read them. `MUTANTS_OF=records` keeps to one folder, `MUTANTS_SHARE=0.05` draws one mutant in twenty by `MUTANTS_SEED`. */
const sampled = process.env.MUTANTS_SHARE !== undefined;
const folder = process.env.MUTANTS_OF ?? '{attacks,defenses,records,harness,models,tensor}';

/** @type {import('@stryker-mutator/api/core').PartialStrykerOptions} */
export default {
  mutate: [`${folder}/**/*.ts`],
  plugins: ['@stryker-mutator/vitest-runner', './test/mutants/sample.mjs'],
  checkers: sampled ? ['sample'] : [],
  testRunner: 'vitest',
  vitest: { configFile: 'test/mutants/vitest.config.ts', related: false },
  coverageAnalysis: 'perTest',
  // a mutant of what runs as a module loads would need a process and every test of its own
  ignoreStatic: true,
  // Stryker would rewrite tsconfig.json through an API that TypeScript 7 does not have; vitest needs none
  tsconfigFile: 'none.json',
  concurrency: 2,
  timeoutMS: 20_000,
  dryRunTimeoutMinutes: 40,
  ignorePatterns: ['/build', '/dist', '/runs', '/docs/*.png', '/results'],
  tempDirName: 'build/mutants/sandbox',
  // what was left out of a sample must not count as known
  incremental: !sampled,
  incrementalFile: 'build/mutants/incremental.json',
  reporters: ['json', 'html', 'progress-append-only'],
  jsonReporter: { fileName: 'build/mutants/report.json' },
  htmlReporter: { fileName: 'build/mutants/report.html' },
};
