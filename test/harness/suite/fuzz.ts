/** Suites drawn at random, for tests. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { resolveSuite } from '../../../harness/suite/read.ts';
import { SuiteError } from '../../../harness/suite/source/problems.ts';

/** Reads 300 of `suites` as the text of `file`, `s.yml`: each is taken, or refused by a message with its line, never by another error. */
export async function takenOrRefused(suites: fc.Arbitrary<string>, seed: number, file: string): Promise<void> {
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(suites, async (text) => {
      const error: unknown = await resolveSuite(text, file).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (error === undefined) return;
      refused++;
      expect(error).toBeInstanceOf(SuiteError);
      expect((error as Error).message).toMatch(/s\.yml:\d+: /);
    }),
    { numRuns: 300, seed },
  );
  // most changes are mistakes, and some are harmless
  expect(refused).toBeGreaterThan(100);
  expect(refused).toBeLessThan(300);
}
