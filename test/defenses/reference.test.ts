/** TRADES, MART and MOREL against the losses, gradients and batch statistics that the authors' code of 2024 computes. */
import { beforeAll, describe, test } from 'vitest';
import type { Training } from '../../defenses/defense.ts';
import loat from '../../defenses/loat.ts';
import defaultMart, { createMart } from '../../defenses/mart.ts';
import { createMorel, morel } from '../../defenses/morel.ts';
import { EmbeddingHead } from '../../defenses/parts/embedding.ts';
import defaultTrades, { createTrades } from '../../defenses/trades.ts';
import { engine } from '../../engines/index.ts';
import { Rng } from '../../tensor/rng.ts';
import { goldenJson, goldenNetwork } from '../golden.ts';
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

const trades = () => createTrades(defaultTrades.params.parse(INNER) as never, THREAT, startNoise());
const mart = () => createMart(defaultMart.params.parse(INNER) as never, THREAT, startNoise());

/** MOREL over `base` with the reference's head. */
function withHead(base: Training): Training {
  const params = morel({ trades: defaultTrades, mart: defaultMart, loat }).params.parse({});
  return createMorel(params as never, base, loadHead(new EmbeddingHead(64, 128, 2, new Rng('head'))));
}

/** Half of the sixth decimal, which is all that the reference has of the smallest gradients. */
const LEAST = 5.1e-7;

interface Case {
  key: string;
  create: () => Training;
  /** Our terms and the reference's. */
  terms: Record<string, string>;
  adversarial: string;
  statistics?: string;
}

const CASES: readonly Case[] = [
  {
    key: 'trades',
    create: trades,
    terms: { natural: 'first_term', robust: 'robust_term' },
    adversarial: 'trades_xadv',
    statistics: 'trades',
  },
  { key: 'mart', create: mart, terms: { boosted: 'first_term', robust: 'robust_term' }, adversarial: 'mart_xadv', statistics: 'mart' },
  {
    key: 'morel_trades',
    create: () => withHead(trades()),
    terms: { natural: 'first_term', robust: 'robust_term', ...EMBEDDING_TERMS },
    adversarial: 'trades_xadv',
  },
  {
    key: 'morel_mart',
    create: () => withHead(mart()),
    terms: { boosted: 'first_term', robust: 'robust_term', ...EMBEDDING_TERMS },
    adversarial: 'mart_xadv',
  },
];

const names = new Set(['wasm', 'torch', process.env.RAMPART_TEST_ENGINE ?? 'wasm']);
const engines = await Promise.all([...names].map(async (name) => ({ name, ...(await engine(name).probe()) })));

describe.each(engines)('on $name', ({ name, usable }) => {
  describe.skipIf(!usable).each(CASES)('$key', ({ key, create, terms, adversarial, statistics }) => {
    const reference = (goldenJson('defenses') as Record<string, unknown>)[key] as Reference;
    let got: Step;
    beforeAll(async () => {
      await engine(name).init({ threads: 1, device: name === 'torch' ? testDevice : 'cpu' });
      got = await stepOf(create(), goldenNetwork());
    });

    test('crafts the adversarial images of the authors', () => expectAdversarial(got.adversarial, 'defenses', adversarial));
    test('has the authors value of every loss term', () => expectTerms(got.log, reference, terms));
    test('has the gradient norm of every parameter', () => expectGradients(got.gradientNorms, reference.grad_norm, resnetNames, LEAST));
    test.runIf(statistics)('leaves the batch statistics of the authors', () =>
      expectStatistics(got.network, 'defenses', `${statistics}_bn1_mean`, `${statistics}_bn1_var`),
    );
  });
});
