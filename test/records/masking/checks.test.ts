/** Every check of a diagnosis at figures just within its limit and just beyond, on 100 images unless told otherwise. */
import { expect, test } from 'vitest';
import { FLAGS } from '../../../records/flags.ts';
import { findingsOf, judged, LIMITS, LIMITS_TOLD, worst } from '../../../records/masking/checks.ts';
import { diagnosisSchema, type Measured, type Probes } from '../../../records/masking/diagnosis.ts';

const N = 100;

/** What a short attack left: the first `broken` images are broken. */
const left = (broken: number, eps = 0.03) => ({ eps, robust: '0'.repeat(broken) + '1'.repeat(N - broken) });

const probes = (more: Partial<Probes> = {}): Probes => ({
  oneStep: left(30),
  manySteps: left(40),
  survivors: [
    [10, 62],
    [20, 60],
    [40, 60],
  ],
  restart: left(41),
  queries: left(41),
  radii: [left(70, 0.1), left(99, 0.3), left(100, 1)],
  ...more,
});

const honest: Measured = {
  status: 'done',
  images: Array.from({ length: N }, (_, i) => i),
  threat: { norm: 'Linf', eps: 0.03 },
  standIn: false,
  declaredRandom: false,
  gradients: { losses: { margin: { zero: 0, vanishing: 0 }, 'cross-entropy': { zero: 0, vanishing: 0 } }, resolution: 1e-7 },
  repeats: { passes: 4, spread: 1e-6, changed: 0 },
  differences: { images: 16, pairs: 48, decided: 48, agree: 47 },
  lines: { at: [0, 0.25], gradient: [-0.4, -0.1], random: [-0.4, -0.4], overtaken: 0 },
  probes: probes(),
  passes: { forward: 1, backward: 1 },
  wallMs: 1,
};

const said = (more: Partial<Measured>, check: string) => findingsOf({ ...honest, ...more }).find((f) => f.check === check)?.outcome;
const ofLosses = (margin: number, zero: number, vanishing: number): Partial<Measured> => ({
  gradients: { losses: { margin: { zero: margin, vanishing: 0 }, 'cross-entropy': { zero, vanishing } }, resolution: 1e-7 },
});
const ofProbes = (more: Partial<Probes>): Partial<Measured> => ({ probes: probes(more) });
const survivors = (before: number, after: number): Probes['survivors'] => [
  [20, before],
  [40, after],
];

test('an honest model trips none', () => {
  expect(findingsOf(honest).map(({ outcome }) => outcome)).toEqual(Array(12).fill('clear'));
});

test.each<[string, Partial<Measured>, string, Partial<Measured>]>([
  ['zero-gradient', ofLosses(0, 0, 0), 'sign', ofLosses(1, 1, 0)],
  ['zero-gradient', ofLosses(49, 49, 0), 'unreliable', ofLosses(50, 50, 0)],
  // where the margin has none either, the loss is not to blame
  ['saturated-loss', ofLosses(3, 3, 0), 'sign', ofLosses(3, 4, 0)],
  ['vanishing-gradient', ofLosses(0, 0, 10), 'sign', ofLosses(0, 0, 11)],
  ['coarse-logits', {}, 'sign', { gradients: { ...honest.gradients, resolution: 0.002 } }],
  ['random-answers', { repeats: { passes: 4, spread: 9e-5, changed: 0 } }, 'sign', { repeats: { passes: 4, spread: 2e-4, changed: 0 } }],
  [
    'gradient-mismatch',
    { differences: { images: 16, pairs: 48, decided: 48, agree: 39 } },
    'sign',
    { differences: { images: 16, pairs: 48, decided: 48, agree: 38 } },
  ],
  [
    'gradient-mismatch',
    { differences: { images: 16, pairs: 48, decided: 48, agree: 24 } },
    'unreliable',
    { differences: { images: 16, pairs: 48, decided: 48, agree: 23 } },
  ],
  [
    'no-gradients',
    { differences: { images: 16, pairs: 48, decided: 24, agree: 24 } },
    'unreliable',
    { differences: { images: 16, pairs: 48, decided: 23, agree: 23 } },
  ],
  [
    'misleading-gradient',
    { lines: { at: [], gradient: [], random: [], overtaken: 10 } },
    'sign',
    { lines: { at: [], gradient: [], random: [], overtaken: 11 } },
  ],
  [
    'misleading-gradient',
    { lines: { at: [], gradient: [], random: [], overtaken: 49 } },
    'unreliable',
    { lines: { at: [], gradient: [], random: [], overtaken: 50 } },
  ],
  ['one-step-beats-many', ofProbes({ oneStep: left(43) }), 'sign', ofProbes({ oneStep: left(44) })],
  ['one-step-beats-many', ofProbes({ oneStep: left(60) }), 'unreliable', ofProbes({ oneStep: left(61) })],
  ['not-converged', ofProbes({ survivors: survivors(65, 60) }), 'sign', ofProbes({ survivors: survivors(66, 60) })],
  ['not-converged', ofProbes({ restart: left(45) }), 'sign', ofProbes({ restart: left(46) })],
  ['large-radius', ofProbes({ radii: [left(95, 1)] }), 'sign', ofProbes({ radii: [left(94, 1)] })],
  ['large-radius', ofProbes({ radii: [left(75, 1)] }), 'unreliable', ofProbes({ radii: [left(74, 1)] })],
  ['not-monotone', ofProbes({ radii: [left(35, 0.1), left(100, 1)] }), 'sign', ofProbes({ radii: [left(34, 0.1), left(100, 1)] })],
  ['not-monotone', ofProbes({ radii: [left(90, 0.1), left(65, 1)] }), 'unreliable', ofProbes({ radii: [left(90, 0.1), left(64, 1)] })],
  ['queries-beat-gradients', ofProbes({ queries: left(44) }), 'sign', ofProbes({ queries: left(45) })],
  ['queries-beat-gradients', ofProbes({ queries: left(51) }), 'unreliable', ofProbes({ queries: left(52) })],
])('%s: within the limit, and %s beyond', (check, within, outcome, beyond) => {
  expect(said(within, check)).not.toBe(outcome);
  expect(said(beyond, check)).toBe(outcome);
});

test('a gradient that is known to be a stand-in is not held to differences, and the figures are told', () => {
  const differences = { images: 16, pairs: 48, decided: 48, agree: 3 };
  const [found] = findingsOf({ ...honest, standIn: true, differences }).filter(({ check }) => check === 'gradient-mismatch');
  expect(found).toMatchObject({ outcome: 'unmeasured', measured: expect.stringContaining('in 3 of 48') });
});

test('what a norm without gradient steps cannot be asked is left out', () => {
  const { lines: _, probes: __, ...rest } = honest;
  expect(findingsOf(rest).map(({ check, outcome }) => [check, outcome])).toContainEqual(['misleading-gradient', 'unmeasured']);
  expect(findingsOf(rest).map(({ check }) => check)).not.toContain('large-radius');
});

test('a share of few images is no sign: it takes as many as a limit says', () => {
  expect(judged(2, 10, LIMITS['queries-beat-gradients'])).toBe('clear');
  expect(judged(3, 10, LIMITS['queries-beat-gradients'])).toBe('unreliable');
  expect(judged(0, 0, LIMITS['queries-beat-gradients'])).toBe('unmeasured');
});

test('what cannot be drawn or judged is no diagnosis', () => {
  const plane = (at: number[], values: number[][]) => ({ ...honest, surfaces: [{ image: 0, at, values }] });
  const takes = (value: unknown) => diagnosisSchema.safeParse(value).success;
  expect(takes(honest)).toBe(true);
  expect(
    takes(
      plane(
        [0, 1],
        [
          [0, 0],
          [0, 0],
        ],
      ),
    ),
  ).toBe(true);
  expect(takes(plane([0, 1], [[0, 0], [0]]))).toBe(false);
  expect(takes(plane([0, 1], [[0, 0]]))).toBe(false);
  expect(takes({ ...honest, lines: { at: [0, 1], gradient: [0], random: [0, 1], overtaken: 0 } })).toBe(false);
  expect(takes({ ...honest, ...ofProbes({ survivors: [[40, 3]] }) })).toBe(false);
  expect(takes({ ...honest, surfaces: Array(17).fill({ image: 0, at: [0], values: [[0]] }) })).toBe(false);
});

test('the strongest finding is the verdict', () => {
  expect(worst([])).toBe('unmeasured');
  expect(worst(['clear', 'unmeasured'])).toBe('clear');
  expect(worst(['clear', 'unreliable', 'sign'])).toBe('unreliable');
});

test('every check is explained, and its limit told', () => {
  const checks = new Set([...findingsOf(honest).map(({ check }) => check), ...Object.keys(LIMITS_TOLD)]);
  for (const check of checks) {
    expect(FLAGS[check]?.text.length).toBeGreaterThan(100);
    expect(LIMITS_TOLD[check as keyof typeof LIMITS_TOLD]).toBeDefined();
  }
});
