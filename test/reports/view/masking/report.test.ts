/** What attacks beside each other, a diagnosis and flags say of a model, and what becomes of its rank. Outcomes are made by hand. */
import { describe, expect, test } from 'vitest';
import type { Measured } from '../../../../records/masking/diagnosis.ts';
import type { CellRecord, ModelRecord } from '../../../../records/record.ts';
import { buildView } from '../../../../reports/view/leaderboard.ts';
import { acrossCells } from '../../../../reports/view/masking/across.ts';
import { maskingOf } from '../../../../reports/view/masking/report.ts';
import { syntheticRecords } from '../../synthetic.ts';

const N = 200;
const template = syntheticRecords({ models: 1, attacks: ['fgsm', 'pgd', 'square', 'transfer', 'autoattack'], n: 1 });
const model = template.find((r) => r.kind === 'model') as ModelRecord;

interface Made {
  /** Images from..to-1 are broken. */
  readonly from?: number;
  readonly to: number;
  readonly backward?: number;
  readonly params?: Record<string, unknown>;
  readonly label?: string;
  readonly more?: Partial<CellRecord>;
}

/** A cell of the attack `name` on 200 images. */
function cell(name: string, { from = 0, to, backward = 10, params = {}, label = name, more = {} }: Made): CellRecord {
  const like = template.find((r) => r.kind === 'cell' && r.attack.name === name) as CellRecord;
  const robust = Array.from({ length: N }, (_, i) => (i >= from && i < to ? '0' : '1')).join('');
  const labels = Array.from({ length: N }, () => 0);
  const right = robust.split('1').length - 1;
  return {
    ...like,
    key: `${label} ${from} ${to}`,
    n: N,
    accuracy: right / N,
    flags: [],
    attack: { ...like.attack, label, params },
    passes: { forward: N * backward, backward: N * backward },
    outcomes: { robust, labels, predictions: labels, distances: labels },
    ...more,
  };
}

const clean = (more: Partial<CellRecord> = {}) => cell('clean', { to: 0, backward: 0, more });
const pgd = (to: number, more: Partial<Made> = {}) => cell('pgd', { to, params: { steps: 40 }, ...more });

/** What the cells say, by check. */
const said = (...cells: CellRecord[]) => Object.fromEntries(acrossCells(cells).map(({ check, outcome }) => [check, outcome]));

describe('attacks beside each other', () => {
  test.each(['square', 'transfer'])('%s that breaks what gradients leave, in whatever order they ran', (name) => {
    const check = name === 'square' ? 'queries-beat-gradients' : 'transfer-beats-gradients';
    const beside = (to: number) => said(cell(name, { to, backward: 0 }), pgd(100))[check];
    expect([beside(100), beside(104), beside(105), beside(120), beside(121)]).toEqual(['clear', 'clear', 'sign', 'sign', 'unreliable']);
    // of several attacks by gradients, what any of them breaks counts
    expect(said(cell(name, { to: 120, backward: 0 }), pgd(100), pgd(40, { from: 100, to: 120, label: 'other' }))[check]).toBe('clear');
    // without an attack of more than one step there is nothing to beat
    expect(said(cell(name, { to: 120, backward: 0 }), cell('fgsm', { to: 10, backward: 1 }))).toEqual({});
  });

  test('one step that breaks more than the strongest of many steps', () => {
    const beside = (to: number) => said(cell('fgsm', { to, backward: 1 }), pgd(100), pgd(50, { label: 'weak' }))['one-step-beats-many'];
    expect([beside(90), beside(104), beside(112)]).toEqual(['clear', 'clear', 'sign']);
    // five more images, but seven the other way: that is chance
    const crossed = said(cell('fgsm', { from: 8, to: 113, backward: 1 }), pgd(100))['one-step-beats-many'];
    expect(crossed).toBe('clear');
  });

  test('more steps or restarts that still break more', () => {
    const longer = (to: number, params: object, short: object = { steps: 20 }) =>
      said(pgd(100, { params: { ...short } }), pgd(to, { params: { ...params }, label: 'longer' }))['not-converged'];
    expect(longer(104, { steps: 40 })).toBe('clear');
    expect(longer(106, { steps: 40 })).toBe('sign');
    // 6 images more for two doublings are 1.5 points each
    expect(longer(106, { steps: 80 })).toBe('clear');
    expect(longer(112, { steps: 20, restarts: 2 }, { steps: 20, restarts: 1 })).toBe('sign');
    // ten steps need not have been enough, and another loss is another attack
    expect(longer(112, { steps: 20 }, { steps: 10 })).toBeUndefined();
    expect(longer(112, { steps: 40, loss: 'margin' })).toBeUndefined();
  });

  test('says how many points a doubling takes', () => {
    const [found] = acrossCells([pgd(100, { params: { steps: 20 } }), pgd(116, { params: { steps: 80 }, label: 'longer' })]);
    expect(found?.measured).toContain('breaks 16 of 200 images that pgd leaves, which breaks 0 others: 4.0 points per doubling');
  });

  test('failed cells and attacks without a radius say nothing', () => {
    expect(said(cell('square', { to: 200, backward: 0, more: { status: 'failed' } }), pgd(100))).toEqual({});
    const unbounded = cell('square', { to: 200, backward: 0 });
    expect(said({ ...unbounded, attack: { ...unbounded.attack, bounded: false } }, pgd(100))).toEqual({});
  });
});

const diagnosis = (overtaken: number): Measured => ({
  status: 'done',
  images: [0, 1, 2, 3],
  threat: { norm: 'Linf', eps: 0.03 },
  standIn: false,
  declaredRandom: false,
  gradients: { losses: { margin: { zero: 0, vanishing: 0 } }, resolution: 1e-7 },
  repeats: { passes: 4, spread: 0, changed: 0 },
  lines: { at: [0], gradient: [0], random: [0], overtaken },
  passes: { forward: 10, backward: 5 },
  wallMs: 3,
});

describe('a verdict', () => {
  const verdict = (cells: CellRecord[], flags: ModelRecord['flags'] = []) => maskingOf({ flags }, cells).verdict;

  test('is the strongest of diagnosis, attacks and flags', () => {
    expect(verdict([])).toBe('unmeasured');
    expect(verdict([clean({ diagnosis: diagnosis(0) })])).toBe('clear');
    expect(verdict([clean(), pgd(100), cell('square', { to: 105, backward: 0 })])).toBe('sign');
    expect(verdict([clean({ diagnosis: diagnosis(4) })])).toBe('unreliable');
    expect(verdict([clean(), pgd(100, { more: { flags: [{ name: 'saturated-loss', detail: 'blind' }] } })])).toBe('sign');
    expect(verdict([clean({ diagnosis: diagnosis(0) })], [{ name: 'queries-only', detail: 'scores' }])).toBe('unreliable');
    // a flag of something else is none
    expect(verdict([clean({ flags: [{ name: 'low-precision', detail: 'bf16' }] })])).toBe('unmeasured');
  });

  test('says why there is no diagnosis', () => {
    expect(maskingOf({ flags: [] }, [clean()]).why).toBe('its records are without one');
    expect(maskingOf({ flags: [] }, [clean({ diagnosis: { status: 'none', reason: 'it has one class' } })]).why).toBe('it has one class');
    expect(maskingOf({ flags: [] }, [clean({ diagnosis: diagnosis(0) })]).why).toBeUndefined();
  });
});

describe('on a board', () => {
  const boardOf = (...cells: CellRecord[]) =>
    buildView([model, ...cells.map((c) => ({ ...c, model: { ...c.model, key: model.key } }))]).boards[0];

  test('a model that is unreliable has no rank and its check is the reason', () => {
    const [row] = boardOf(clean({ diagnosis: diagnosis(4) }), pgd(100))?.rows ?? [];
    expect(row?.rank).toBeUndefined();
    const flags = row?.flags.map(({ flag }) => [flag.name, flag.detail]);
    expect(flags).toContainEqual(['misleading-gradient', expect.stringContaining('diagnosis: a step of a quarter of the radius')]);
    expect(flags).toContainEqual(['incomplete', 'not ranked: its gradients are no ground for a figure: misleading-gradient']);
  });

  test('one with signs alone keeps its rank, and one without any has no flag', () => {
    const [row] = boardOf(clean(), pgd(100), cell('square', { to: 105, backward: 0 }))?.rows ?? [];
    expect(row?.rank).toBeDefined();
    expect(row?.flags.map(({ flag }) => flag.name)).toEqual(['queries-beat-gradients']);
    const [honest] = boardOf(clean({ diagnosis: diagnosis(0) }), pgd(100))?.rows ?? [];
    expect(honest?.flags).toEqual([]);
    expect(honest?.masking.verdict).toBe('clear');
  });
});
