/** A seeded random sample of mutants, as a checker for Stryker: what is not drawn is reported as a compile error, which no score counts. */
import { createHash } from 'node:crypto';
import { relative } from 'node:path';

/** A hash of seed, place and change, below `share`: each mutant is drawn for itself, and alike in every run. */
function drawn({ fileName, location: { start, end }, mutatorName, replacement }, seed, share) {
  const key = JSON.stringify([seed, fileName, start.line, start.column, end.line, end.column, mutatorName, replacement]);
  return createHash('sha256').update(key).digest().readUInt32BE() / 2 ** 32 < share;
}

class Sample {
  #seed = process.env.MUTANTS_SEED ?? '0';
  #share = Number(process.env.MUTANTS_SHARE ?? 1);

  async init() {}

  async check(mutants) {
    const answers = mutants.map((mutant) => {
      const inside = drawn({ ...mutant, fileName: relative(process.cwd(), mutant.fileName) }, this.#seed, this.#share);
      return [mutant.id, inside ? { status: 'passed' } : { status: 'compileError', reason: 'not in the sample' }];
    });
    return Object.fromEntries(answers);
  }

  async group(mutants) {
    return [mutants.map(({ id }) => id)];
  }
}

export const strykerPlugins = [{ kind: 'Checker', name: 'sample', injectableClass: Sample }];
