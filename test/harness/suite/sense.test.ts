import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { refusal, suiteWith } from '../suites.ts';

const golden = fileURLToPath(new URL('../../golden/model.safetensors', import.meta.url));

/** What is refused, and with which words: place, expected, got. */
test.each<[Record<string, string>, string]>([
  [
    { threats: 'threats: [{ norm: Linf, eps: 1.5 }]' },
    'small.yml:4: threats[0].eps: expected at most 1, the Linf distance of two corners of the box on shapes, got 1.5',
  ],
  [{ threats: 'threats: [{ norm: L2, eps: 56 }]' }, `threats[0].eps: expected at most ${Math.sqrt(3072)}, the L2 distance`],
  [{ threats: 'threats: [{ norm: L1, eps: 3073 }]' }, 'threats[0].eps: expected at most 3072, the L1 distance'],
  [
    { defenses: 'defenses: [{ name: trades, threat: { norm: Linf, eps: 2 } }]' },
    'small.yml:7: defenses[0].threat.eps: expected at most 1, the Linf distance',
  ],
  [{ threats: 'threats: [{ norm: Linf, eps: 0.1 }, { norm: Linf, eps: 0.1 }]' }, 'threats[1]: Linf 0.1 is there twice; leave one out'],
  [{ threats: 'threats: [{ norm: Linf, eps: 0.1 }, { norm: Linf, eps: [0.1, 0.2] }]' }, 'threats[1]: Linf 0.1 is there twice'],
  [{ threats: 'threats: [{ norm: Linf, eps: [0.1, 0.1] }]' }, 'threats[0].eps[1]: expected every entry once, got 0.1'],
  [{ architectures: 'architectures: [cnn-small, cnn-small]' }, 'architectures[1]: expected every entry once, got "cnn-small"'],
  [{ seeds: 'seeds: [0, 1, 0]' }, 'seeds[2]: expected every entry once, got 0'],
  [{ attacks: 'attacks: [{ name: fgsm, norms: [Linf, Linf] }]' }, 'attacks[0].norms[1]: expected every entry once, got "Linf"'],
  [{ attacks: 'attacks: [{ name: fgsm, models: [trades, trades] }]' }, 'attacks[0].models[1]: expected every entry once'],
  [{ defenses: 'defenses: [standard, { name: jpeg, around: [standard, standard] }]' }, 'defenses[1].around[1]: expected every entry once'],
  [{ engine: 'engine: { threads: 1000000 }' }, 'engine.threads: expected at most 1024, got 1000000'],
  [{ engine: 'engine: { workers: 1000000 }' }, 'engine.workers: expected at most 1024, got 1000000'],
  [{ engine: 'engine: { batchSize: 1000000 }' }, 'engine.batchSize: expected at most 65536, got 1000000'],
  [{ recipe: 'recipe: { learningRate: 1e300 }' }, 'recipe.learningRate: expected at most 1000, got 1e+300'],
  [{ recipe: 'recipe: { batchSize: 1000000 }' }, 'recipe.batchSize: expected at most 65536, got 1000000'],
  [{ recipe: 'recipe: { epochs: 1e9 }' }, 'recipe.epochs: expected at most 100000, got 1000000000'],
  [{ recipe: 'recipe: { weightDecay: 1e9 }' }, 'recipe.weightDecay: expected at most 10, got 1000000000'],
  [{ timeoutMinutes: 'timeoutMinutes: 35792' }, 'timeoutMinutes: expected at most 35791, got 35792'],
  [{ timeoutMinutes: 'timeoutMinutes: 1e-9' }, 'timeoutMinutes: expected at least 0.01, got 1e-9'],
  [{ keepExamples: 'keepExamples: 1e9' }, 'keepExamples: expected at most 10000, got 1000000000'],
  [
    { attacks: 'attacks: [{ name: pgd, stepSize: 1e300 }]' },
    'attacks[0].stepSize: expected at most 3.4028234663852886e+38, the largest float32, got 1e+300',
  ],
  [{ attacks: 'attacks: [{ name: pgd, steps: 1e12 }]' }, 'attacks[0]: expected at most 1000000000 passes per image, got 2000000000001'],
  [{ defenses: 'defenses: [{ name: pgd-at, steps: 1e12 }]' }, 'defenses[0]: expected at most 1000000000 passes per image'],
  [{ attacks: 'attacks: [{ name: pgd, constructor: 1 }]' }, 'attacks[0].constructor: unknown key "constructor"'],
  [{ datasets: 'datasets: [{ name: shapes, toString: 1 }]' }, 'datasets[0].toString: unknown key "toString"'],
  [{ attacks: 'attacks: [{ name: pgd, __proto__: { steps: 1 } }]' }, 'unknown key "__proto__"'],
  [{ constructor: 'constructor: 1' }, 'unknown key "constructor"'],
  [{ title: 'title: "a\\u001b[31mb"' }, 'title: expected text without control characters, got'],
  [{ title: 'title: "a\\u202eb"' }, 'title: expected text without control characters'],
  [{ description: 'description: "a\\u0007b"' }, 'description: expected text without control characters'],
  [{ attacks: 'attacks: [{ name: pgd, label: "p\\ngd" }]' }, 'attacks[0].label: expected text without control characters'],
  [{ attacks: 'attacks: [{ name: pgd, label: " pgd" }]' }, 'attacks[0].label: expected no space at either end'],
  [{ models: `models: [{ name: trades, weights: ${golden}, arch: resnet-tiny }]` }, 'two models are named "trades": it is there twice'],
  [
    {
      architectures: 'architectures: [cnn-small, resnet-tiny]',
      models: `models: [{ name: trades cnn-small, weights: ${golden}, arch: resnet-tiny }]`,
    },
    'defenses[1]: two models are named "trades cnn-small"',
  ],
  [
    { defenses: 'defenses: [standard, jpeg, { name: trades, label: jpeg on standard }]' },
    'defenses[2]: two models are named "jpeg on standard"',
  ],
])('%o is refused', async (changes, message) => {
  expect(await refusal(changes)).toContain(message);
});

test('the edges are taken: a ball of the whole box, a description of several lines, the longest timer', async () => {
  const { suite } = await suiteWith({
    threats: 'threats: [{ norm: Linf, eps: 1 }, { norm: L1, eps: 3072 }]',
    attacks: 'attacks: [{ name: fgsm, norms: [Linf] }]',
    description: 'description: "two\\nlines"',
    timeoutMinutes: 'timeoutMinutes: 35791',
  });
  expect(suite.threats.map((t) => t.main)).toEqual([1, 3072]);
  expect(suite.timeoutMinutes * 60_000).toBeLessThan(2 ** 31);
});
