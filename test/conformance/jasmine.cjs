/** Runs the bundle named on the command line under jasmine and writes `{ passed: [...], failed: [{ name, message }] }` to the second path. */
const { writeFileSync } = require('node:fs');
const { pathToFileURL } = require('node:url');
const Jasmine = require('jasmine');

const [bundle, out] = process.argv.slice(2);
const runner = new Jasmine();
runner.exitOnCompletion = false;
runner.configureDefaultReporter({ print() {} });
runner.randomizeTests(false);
const passed = [];
const failed = [];
runner.addReporter({
  // a crash leaves the name of its spec behind
  specStarted(spec) {
    writeFileSync(`${out}.running`, spec.fullName);
  },
  specDone(spec) {
    if (spec.status === 'passed') passed.push(spec.fullName);
    else if (spec.status === 'failed') failed.push({ name: spec.fullName, message: spec.failedExpectations[0]?.message ?? '' });
  },
});
(async () => {
  await import(pathToFileURL(bundle));
  await runner.execute();
  writeFileSync(out, JSON.stringify({ passed, failed }));
  process.exit(0);
})();
