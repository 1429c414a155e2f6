/** AutoAttack lean beside AutoAttack standard on the deliberately broken models, minutes of work: `RAMPART_ZOO=1 npx vitest run test/zoo/lean.test.ts`. */
import { beforeAll, describe, expect, test } from 'vitest';
import autoattack from '../../attacks/autoattack.ts';
import lean from '../../attacks/autoattack-lean.ts';
import { attack } from '../../attacks/index.ts';
import { chooseEngine } from '../../engines/choose.ts';
import { evaluate } from '../../harness/evaluate/evaluate.ts';
import { type EvaluationData, predictClean } from '../../harness/evaluate/predict.ts';
import { Rng } from '../../tensor/rng.ts';
import { THREAT, testFigures } from './diagnosed.ts';
import { BROKEN, robust, standard } from './makers.ts';

let data: EvaluationData;

const ZOO = { ...BROKEN, 'none of these, standard training': standard, 'none of these, PGD training': robust };

describe.runIf(process.env.RAMPART_ZOO === '1')('what lean leaves above standard carries a flag', () => {
  beforeAll(async () => {
    await chooseEngine('auto', { threads: 1 });
    data = await testFigures(200);
  });

  test.each(Object.entries(ZOO))(
    '%s',
    async (what, make) => {
      const classifier = await make();
      const subject = { classifier, name: what, rng: new Rng('zoo') };
      const { robust: clean, predictions } = await predictClean(subject, data, 64);
      const under = async (plugin: typeof lean) => {
        const { signal } = new AbortController();
        const found = await evaluate({
          ...subject,
          attack: plugin,
          params: plugin.params.parse({}),
          threat: THREAT,
          data,
          clean,
          cleanPredictions: predictions,
          batchSize: 64,
          sources: new Map(),
          signal,
          lookup: attack,
        });
        return { left: found.robust.split('1').length - 1, passes: found.passes.forward + found.passes.backward, flags: found.flags };
      };
      const [whole, few] = [await under(autoattack), await under(lean)];
      classifier.dispose();
      const flags = few.flags.map(({ name }) => name);
      console.log(`| ${what} | ${whole.left} | ${few.left} | ${((100 * few.passes) / whole.passes).toFixed(1)} % | ${flags.join(', ')} |`);
      if (few.left > whole.left) expect(flags).not.toEqual([]);
      else expect(few.passes).toBeLessThan(whole.passes);
    },
    900_000,
  );
});
