/** TRADES, MART, LOAT and MOREL on LOAT with the reduced vision transformer, against the losses and gradients that MOREL's code of 2025 computes. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Training } from '../../defenses/defense.ts';
import loat, { createLoat } from '../../defenses/loat.ts';
import mart, { createMart } from '../../defenses/mart.ts';
import { createMorel, morel } from '../../defenses/morel.ts';
import { EmbeddingHead } from '../../defenses/parts/embedding.ts';
import trades, { createTrades } from '../../defenses/trades.ts';
import { engine } from '../../engines/index.ts';
import { architecture } from '../../models/index.ts';
import { Rng } from '../../tensor/rng.ts';
import { goldenJson, goldenTransformer } from '../golden.ts';
import { testDevice } from '../torch/device.ts';
import {
  EMBEDDING_TERMS,
  expectAdversarial,
  expectGradients,
  expectTerms,
  INNER,
  loadHead,
  type Reference,
  type Step,
  startNoise,
  stepOf,
  THREAT,
} from './reference.ts';

const N = 8;
/** Epochs of the protocol for transformers. */
const EPOCHS = 50;
/** Of the gradients of MOREL's head, which alpha of 1e-5 brings down to 1e-8, most is rounding. */
const ROUNDING = 2e-8;

const REFERENCE = goldenJson('vit') as unknown as Record<string, Reference>;
const noise = startNoise(N);
const loatTraining = () => createLoat(loat.params.parse({ ...INNER, last: 100 }) as never, THREAT, EPOCHS, noise);

function morelTraining({ k, a: reference, gamma, alpha }: Reference): Training {
  const params = morel({ trades, mart, loat }).params.parse({ base: 'loat', k, reference, gamma, alpha });
  return createMorel(params as never, loatTraining(), loadHead(new EmbeddingHead(64, 128, 2, new Rng('head'))));
}

const FIRST = { boosted: 'first_term', robust: 'robust_term' };
const LOAT = { ...FIRST, fluctuationCorrect: 'fluctuation_correct', fluctuationWrong: 'fluctuation_wrong' };

const CASES = [
  {
    key: 'trades',
    create: () => createTrades(trades.params.parse(INNER) as never, THREAT, noise),
    terms: { natural: 'first_term', robust: 'robust_term' },
  },
  { key: 'mart', create: () => createMart(mart.params.parse(INNER) as never, THREAT, noise), terms: FIRST },
  { key: 'loat_first', create: loatTraining, terms: LOAT },
  { key: 'morel_loat_first', create: morelTraining, terms: { ...LOAT, ...EMBEDDING_TERMS } },
  { key: 'morel_loat_strong', create: morelTraining, terms: { ...LOAT, ...EMBEDDING_TERMS } },
] as const;

/** Names of the reference as they are here. */
function local(name: string): string {
  if (/^(feat_layer|pre_norm|attention)/.test(name)) return `extra.${name}`;
  const own = name.replace('mod_encoder.', '').replace('head_classifier.', 'classifier.');
  return (
    architecture('vit')
      .renamings?.map((rename) => rename(own))
      .find((found) => found !== undefined) ?? own
  );
}

const engineNames = new Set(['wasm', 'torch', process.env.RAMPART_TEST_ENGINE ?? 'wasm']);
const engines = await Promise.all([...engineNames].map(async (name) => ({ name, ...(await engine(name).probe()) })));

describe.each(engines)('on $name', ({ name, usable }) => {
  describe.skipIf(!usable).each(CASES)('$key', ({ key, create, terms }) => {
    const reference = REFERENCE[key] as Reference;
    let got: Step;
    beforeAll(async () => {
      await engine(name).init({ threads: 1, device: name === 'torch' ? testDevice : 'cpu' });
      got = await stepOf(create(reference), goldenTransformer(), { n: N });
    });

    test('crafts the adversarial images of the authors', () =>
      expectAdversarial(got.adversarial, 'vit', key === 'trades' ? 'trades_xadv' : 'mart_xadv'));
    test('has the authors value of every loss term, and no other', () => {
      expectTerms(got.log, reference, terms);
      expect(Object.keys(got.log.terms).sort()).toEqual(Object.keys(terms).sort());
    });
    test('has the gradient norm of every parameter', () => expectGradients(got.gradientNorms, reference.grad_norm, local, ROUNDING));
  });
});
