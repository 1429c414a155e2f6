/** LOAT, and MOREL on LOAT, TRADES and MART, against the losses, gradients and batch statistics that MOREL's code of 2025 computes. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Training } from '../../defenses/defense.ts';
import loat, { createLoat } from '../../defenses/loat.ts';
import mart, { createMart } from '../../defenses/mart.ts';
import { createMorel, morel } from '../../defenses/morel.ts';
import { EmbeddingHead } from '../../defenses/parts/embedding.ts';
import { answeredRight, fluctuation, pairing } from '../../defenses/parts/logit-regularizer.ts';
import trades, { createTrades } from '../../defenses/trades.ts';
import { engine } from '../../engines/index.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { goldenJson, goldenNetwork, goldenTensor } from '../golden.ts';
import { testDevice } from '../torch/device.ts';
import {
  EMBEDDING_TERMS,
  expectAdversarial,
  expectGradients,
  expectStatistics,
  expectTerms,
  INNER,
  loadHead,
  type Reference,
  resnetNames,
  type Step,
  startNoise,
  stepOf,
  THREAT,
} from './reference.ts';

type Entry = Reference & { epoch: number; lore: string; reg_type: 'mse' | 'kl'; theta: number; gamma_loat: number; beta: number } & {
  k: [number, number];
  a: [number, number];
  gamma: number;
  alpha: number;
};

const REFERENCE = goldenJson('morel-2025') as unknown as Record<string, Entry>;
const EPOCHS = 100;
/** Of the gradients of MOREL's head, which alpha of 1e-5 brings down to 1e-7, most is rounding. */
const ROUNDING = 2e-8;

function loatOf({ lore, reg_type, theta, gamma_loat: gamma, beta }: Entry): Training {
  const form = reg_type === 'kl' ? 'log' : 'mse';
  return createLoat(loat.params.parse({ ...INNER, variant: lore, form, theta, gamma, beta }) as never, THREAT, EPOCHS, startNoise());
}

const BASES: Record<string, (entry: Entry) => Training> = {
  morel_trades: () => createTrades(trades.params.parse(INNER) as never, THREAT, startNoise()),
  morel_mart: () => createMart(mart.params.parse(INNER) as never, THREAT, startNoise()),
};

function morelOf(key: string, entry: Entry): Training {
  const { k, a: reference, gamma, alpha } = entry;
  const params = morel({ trades, mart, loat }).params.parse({ k, reference, gamma, alpha });
  return createMorel(params as never, (BASES[key] ?? loatOf)(entry), loadHead(new EmbeddingHead(64, 128, 2, new Rng('head'))));
}

const KEYS = Object.keys(REFERENCE).filter((key) => /^(loat|morel)_/.test(key));
const TERMS: Record<string, string> = {
  fluctuationCorrect: 'fluctuation_correct',
  fluctuationWrong: 'fluctuation_wrong',
  pairing: 'pairing',
};

/** Our terms of an entry and the reference's. */
function termsOf(key: string, entry: Entry): Record<string, string> {
  const first = key === 'morel_trades' ? 'natural' : 'boosted';
  const added = Object.entries(TERMS).filter(([, theirs]) => theirs in entry);
  return { [first]: 'first_term', robust: 'robust_term', ...Object.fromEntries(added), ...('f_loss' in entry ? EMBEDDING_TERMS : {}) };
}

const engineNames = new Set(['wasm', 'torch', process.env.RAMPART_TEST_ENGINE ?? 'wasm']);
const engines = await Promise.all([...engineNames].map(async (name) => ({ name, ...(await engine(name).probe()) })));

describe.each(engines)('on $name', ({ name, usable }) => {
  describe.skipIf(!usable).each(KEYS)('%s', (key) => {
    const entry = REFERENCE[key] as Entry;
    let got: Step;
    beforeAll(async () => {
      await engine(name).init({ threads: 1, device: name === 'torch' ? testDevice : 'cpu' });
      const training = key.startsWith('morel') ? morelOf(key, entry) : loatOf(entry);
      got = await stepOf(training, goldenNetwork(), { epoch: (entry.epoch ?? 1) - 1 });
    });

    test('crafts the adversarial images of the authors', () =>
      expectAdversarial(got.adversarial, 'defenses', key === 'morel_trades' ? 'trades_xadv' : 'mart_xadv'));
    test('has the authors value of every loss term, and no other', () => {
      const terms = termsOf(key, entry);
      expectTerms(got.log, entry, terms);
      expect(Object.keys(got.log.terms).sort()).toEqual(Object.keys(terms).sort());
    });
    test('has the gradient norm of every parameter', () => expectGradients(got.gradientNorms, entry.grad_norm, resnetNames, ROUNDING));
    test('leaves the batch statistics of the authors', () => {
      const name = key.startsWith('loat') ? 'loat' : key.replace(/(loat).*/, '$1');
      expectStatistics(got.network, 'morel-2025', `${name}_bn1_mean`, `${name}_bn1_var`);
    });
  });
});

describe.each(engines)('the regulariser of LOAT on $name', ({ name, usable }) => {
  describe.skipIf(!usable)('beside that of the authors', () => {
    beforeAll(() => engine(name).init({ threads: 1, device: name === 'torch' ? testDevice : 'cpu' }));
    const tensors = (prefix: string) => ({
      natural: tf.softmax(goldenTensor('morel-2025', `${prefix}_logits`) as tf.Tensor2D),
      adversarial: tf.softmax(goldenTensor('morel-2025', `${prefix}_logits_adv`) as tf.Tensor2D),
    });

    test.each([10, 100])('on 100 classes has the authors values where %i are counted', (classes) => {
      const want = (REFERENCE.lore100 as unknown as Record<string, Record<string, number>>)[`classes_${classes}`];
      const { natural, adversarial } = tensors('lore100');
      const y = goldenTensor('morel-2025', 'lore100_labels').cast('int32') as tf.Tensor1D;
      const right = answeredRight(natural, y);
      const wrong = tf.sub(1, right) as tf.Tensor1D;
      const got = {
        fluctuation_correct: fluctuation(natural, y, right, 'mse', classes),
        fluctuation_wrong: fluctuation(natural, y, wrong, 'mse', classes),
        pairing_wrong: pairing(natural, adversarial, wrong, 'mse'),
        pairing_correct: pairing(natural, adversarial, right, 'mse'),
      };
      for (const [term, value] of Object.entries(got))
        expect(Math.abs((value.dataSync()[0] as number) / (want?.[term] as number) - 1), term).toBeLessThan(1e-4);
    });

    test('sees as many right answers as the authors code', () => {
      const y = goldenTensor('batch', 'labels').cast('int32') as tf.Tensor1D;
      expect(answeredRight(tensors('loat').natural, y).sum().dataSync()[0]).toBe(REFERENCE.loat_first?.n_correct);
    });
  });
});
