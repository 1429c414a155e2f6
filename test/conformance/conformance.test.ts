/** TensorFlow.js's own test suite on our engines: every spec passes, or is in the skips with a reason and fails. */
import { describe, expect, test } from 'vitest';
import { torch } from '../../engines/torch/index.ts';
import { wasm } from '../../engines/wasm/index.ts';
import { type Outcome, readSkips, runSuite } from './suite.ts';

/** Specs of the version in package.json that pass on the cpu backend. */
const SPECS = 4227;
/** Of those, the share that an engine must pass. */
const REQUIRED = 0.97;

/** A spec's name without the environment that the suite puts into it. */
const plain = (name: string) => name.replace(/ \S+ \{[^}]*\}/, '');

function judge(outcome: Outcome, skips: Record<string, string[]>): { unexpected: string[]; stale: string[] } {
  const skipped = new Set(Object.values(skips).flat());
  const failed = new Set(outcome.failed.map((f) => plain(f.name)));
  return {
    unexpected: outcome.failed.filter((f) => !skipped.has(plain(f.name))).map((f) => `${plain(f.name)}: ${f.message}`),
    stale: [...skipped].filter((name) => !failed.has(name)),
  };
}

for (const engine of [torch, wasm]) {
  const { usable, detail } = await engine.probe();
  describe.skipIf(!usable)(`TensorFlow.js's suite on ${engine.name}${usable ? '' : ` (${detail})`}`, () => {
    test('every spec passes but the skipped ones, and each of those fails', { timeout: 300_000 }, async () => {
      const outcome = await runSuite(engine.name);
      const { unexpected, stale } = judge(outcome, readSkips(engine.name));
      expect(unexpected).toEqual([]);
      expect(stale).toEqual([]);
      expect(outcome.passed.length).toBeGreaterThanOrEqual(REQUIRED * SPECS);
    });
  });
}
