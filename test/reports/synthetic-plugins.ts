/** The defenses and attacks of the invented records: what each is called, how strong it is made, and what it costs. */
import type { CellRecord } from '../../records/record.ts';

export interface Defense {
  name: string;
  title: string;
  paper: string;
  /** How far an example may be moved, in units of the spread of difficulty. */
  strength: number;
  clean: number;
  /** Passes per training example. */
  passes: [number, number];
  params: Record<string, unknown>;
  kind?: 'training' | 'wrapper';
  role?: 'baseline';
}

export const DEFENSES: readonly Defense[] = [
  { name: 'standard', title: 'Standard training', paper: 'none', strength: -3.2, clean: 1.6, passes: [1, 1], params: {}, role: 'baseline' },
  {
    name: 'pgd-at',
    title: 'PGD adversarial training',
    paper: 'Madry et al. 2018 (arXiv 1706.06083)',
    strength: -0.25,
    clean: 0.85,
    passes: [8, 8],
    params: { steps: 7, stepSize: 2 / 255 },
  },
  {
    name: 'trades',
    title: 'TRADES',
    paper: 'Zhang et al. 2019 (arXiv 1901.08573)',
    strength: -0.15,
    clean: 0.75,
    passes: [12, 12],
    params: { beta: 6, steps: 10 },
  },
  {
    name: 'fgsm-rs',
    title: 'Fast adversarial training',
    paper: 'Wong et al. 2020 (arXiv 2001.03994)',
    strength: -0.5,
    clean: 0.8,
    passes: [2, 2],
    params: { alpha: 1.25 },
  },
  { name: 'mart', title: 'MART', paper: 'Wang et al. 2020 (ICLR)', strength: -0.18, clean: 0.6, passes: [12, 12], params: { beta: 5 } },
  {
    name: 'morel',
    title: 'MOREL',
    paper: 'Hotegni and Peitz 2024 (arXiv 2410.01697)',
    strength: -0.1,
    clean: 0.7,
    passes: [12, 12],
    params: { base: 'trades', k: [0.1, 0.9] },
  },
];

/** A column of the invented table. */
export interface Attack {
  /** Its name unless given. */
  label: string;
  name: string;
  title: string;
  paper: string;
  /** `gradient` unless given. */
  access: CellRecord['attack']['access'];
  role?: CellRecord['attack']['role'];
  /** How much harder than no attack, relative to eps. */
  power: number;
  passes: [number, number];
  params: Record<string, unknown>;
}

const attacks: readonly (Omit<Attack, 'label' | 'access' | 'params'> & Partial<Attack>)[] = [
  { name: 'clean', title: 'No attack', paper: 'none', access: 'none', power: 0, passes: [1, 0] },
  {
    name: 'noise',
    title: 'Uniform noise',
    paper: 'none',
    access: 'scores',
    role: 'baseline',
    power: 0.06,
    passes: [10, 0],
    params: { tries: 10 },
  },
  { name: 'fgsm', title: 'FGSM', paper: 'Goodfellow et al. 2015 (arXiv 1412.6572)', power: 0.75, passes: [1, 1] },
  {
    name: 'pgd',
    title: 'PGD',
    paper: 'Madry et al. 2018 (arXiv 1706.06083)',
    power: 0.93,
    passes: [20, 20],
    params: { steps: 20, stepSize: 2 / 255, restarts: 1 },
  },
  {
    name: 'square',
    title: 'Square',
    paper: 'Andriushchenko et al. 2020 (arXiv 1912.00049)',
    access: 'scores',
    power: 0.8,
    passes: [500, 0],
    params: { queries: 500, p: 0.8 },
  },
  {
    name: 'transfer',
    title: 'Transfer',
    paper: 'Papernot et al. 2016 (arXiv 1605.07277)',
    access: 'transfer',
    power: 0.25,
    passes: [1, 0],
    params: { source: 'standard' },
  },
  {
    name: 'autoattack',
    title: 'AutoAttack',
    role: 'ensemble',
    paper: 'Croce and Hein 2020 (arXiv 2003.01690)',
    power: 1,
    passes: [1200, 700],
    params: { version: 'standard' },
  },
  { name: 'mim', title: 'MIM', paper: 'Dong et al. 2018 (arXiv 1710.06081)', power: 0.88, passes: [20, 20], params: { steps: 20 } },
  { name: 'cw', title: 'CW-inf', paper: 'Carlini and Wagner 2017 (arXiv 1608.04644)', power: 0.95, passes: [30, 30] },
  { name: 'apgd-ce', title: 'APGD-CE', paper: 'Croce and Hein 2020 (arXiv 2003.01690)', power: 0.94, passes: [100, 100] },
  { name: 'apgd-t', title: 'APGD-T', paper: 'Croce and Hein 2020 (arXiv 2003.01690)', power: 0.99, passes: [900, 900] },
  { name: 'fab-t', title: 'FAB-T', paper: 'Croce and Hein 2020 (arXiv 1907.02044)', power: 0.97, passes: [900, 1800] },
  {
    label: 'pgd steps=100',
    name: 'pgd',
    title: 'PGD',
    paper: 'Madry et al. 2018 (arXiv 1706.06083)',
    power: 0.935,
    passes: [100, 100],
    params: { steps: 100 },
  },
];

export const ATTACKS: readonly Attack[] = attacks.map((a) => ({ label: a.name, access: 'gradient', params: {}, ...a }));
