/** Invented records for tests of the reports: shaped as a run writes them, from a seed, never shown to anyone as a result. */
import { attacks, ensembles } from '../../attacks/index.ts';
import { defenses } from '../../defenses/index.ts';
import type { CellRecord, Epoch, ModelRecord, Provenance, RampartRecord } from '../../records/record.ts';
import { wilson } from '../../records/stats.ts';
import type { NormName } from '../../tensor/norms/index.ts';
import { Rng } from '../../tensor/rng.ts';
import { ATTACKS, type Attack, DEFENSES, type Defense } from './synthetic-plugins.ts';

const CLASSES = ['plane', 'car', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];

export interface SyntheticOptions {
  models?: number;
  /** Labels out of ATTACKS; `clean` is always among them. */
  attacks?: readonly string[];
  n?: number;
  seeds?: number;
  threats?: readonly { norm: NormName; eps: number }[];
  /** Rewrites names as they are made. */
  rename?(text: string): string;
  /** Cells that fail, by model name and attack label. */
  failing?: readonly [string, string][];
}

const provenance: Provenance = {
  rampart: '0.1.0',
  revision: '0123abc',
  node: 'v20.20.2',
  engine: { name: 'wasm', version: '4.22.0', device: 'cpu', threads: 2 },
  host: { cpu: 'Invented CPU @ 2.10GHz', cores: 2, memoryGb: 8, platform: 'linux x64' },
  startedAt: '2026-01-02T03:04:05.000Z',
};

const hex = (rng: Rng, length: number) => Array.from({ length }, () => rng.int(16).toString(16)).join('');
const round = (x: number, digits: number) => Number(x.toFixed(digits));

/** Six defenses, then variants of them with other parameters, architectures and seeds, as many as asked for. */
export function syntheticRecords(options: SyntheticOptions = {}): RampartRecord[] {
  const { models: count = 4, attacks = ['fgsm', 'pgd', 'square', 'transfer'], n = 200, seeds = 1 } = options;
  const threats = options.threats ?? [{ norm: 'Linf', eps: 8 / 255 }];
  const labels = Array.from({ length: n }, (_, i) => (i * 7) % 10);
  const difficulty = Array.from(new Rng('difficulty').normal(n));
  const records: RampartRecord[] = [];
  for (let m = 0; m < count; m++) {
    const rng = new Rng(`model ${m}`);
    const seed = m % seeds;
    const config = Math.floor(m / seeds);
    const defense = DEFENSES[config % DEFENSES.length] as Defense;
    const variant = Math.floor(config / DEFENSES.length);
    const model = syntheticModel(rng, defense, variant, seed, seeds, n, options.rename ?? ((t) => t));
    records.push(model);
    const strength = defense.strength - variant * 0.04 + rng.gauss() * 0.05;
    const clean = defense.clean - variant * 0.02;
    const noise = Array.from(rng.normal(n)).map((x) => x * 0.25);
    const cleanRight = difficulty.map((d, i) => clean - 0.6 * d + (noise[i] as number) > 0);
    for (const threat of threats) {
      const scale = threat.norm === 'L2' ? threat.eps / 0.5 : threat.eps / (8 / 255);
      for (const label of threat === threats[0] ? ['clean', ...attacks] : attacks) {
        const attack = ATTACKS.find((a) => a.label === label) as Attack;
        const failed = options.failing?.some(([name, which]) => name === model.name && which === label) ?? false;
        const robust = cleanRight.map((right, i) => {
          const margin = clean - (clean - strength) * attack.power * scale - 0.6 * (difficulty[i] as number) + (noise[i] as number);
          return right && margin + rng.gauss() * (attack.power > 0.99 ? 0 : 0.05) > 0;
        });
        records.push(
          syntheticCell(
            rng.fork(`${threat.norm} ${threat.eps} ${label}`),
            model,
            attack,
            threat,
            labels,
            robust,
            failed,
            options.rename ?? ((t) => t),
          ),
        );
      }
    }
  }
  return records;
}

/** What the plug-in of that name would have given. */
function papersOf(name: string, rename: (text: string) => string) {
  const references = [...attacks, ...ensembles, ...defenses].find((plugin) => plugin.name === name)?.references;
  return references?.map((paper) => ({ ...paper, author: rename(paper.author), title: rename(paper.title) }));
}

function syntheticModel(
  rng: Rng,
  defense: Defense,
  variant: number,
  seed: number,
  seeds: number,
  n: number,
  rename: (text: string) => string,
): ModelRecord {
  const epochs: Epoch[] = Array.from({ length: 12 }, (_, e) => ({
    epoch: e + 1,
    learningRate: round(0.1 * (1 - Math.abs(e - 3) / 12), 5),
    loss: round(2.3 * Math.exp(-e / 8) + 0.05 * rng.next(), 4),
    terms: { natural: round(1.9 * Math.exp(-e / 8), 4), robust: round(0.4 * Math.exp(-e / 8), 4) },
    trainAccuracy: round(0.1 + 0.35 * (1 - Math.exp(-e / 4)), 4),
    ...(e % 2 === 1
      ? {
          validationClean: round(0.1 + 0.35 * (1 - Math.exp(-e / 4)), 4),
          validationFgsm: round(0.08 + 0.2 * (1 - Math.exp(-e / 4)), 4),
          validationPgd: round(0.05 + 0.22 * (1 - Math.exp(-e / 4)), 4),
        }
      : {}),
    wallMs: 9000 + rng.int(500),
  }));
  const arch = [
    { name: 'resnet-tiny', version: 1, parameters: 78042, multiplyAdds: 12_700_000 },
    { name: 'resnet-18', version: 1, parameters: 11_173_962, multiplyAdds: 556_000_000 },
  ][variant % 2] as ModelRecord['arch'];
  const examples = 10_000 * 12;
  const wallMs = Math.round((defense.passes[0] + defense.passes[1]) * 9000 * (1 + 0.1 * rng.next()));
  const suffix = `${variant > 0 ? ` v${variant}` : ''}${seeds > 1 ? ` (seed ${seed})` : ''}`;
  return {
    schema: 1,
    kind: 'model',
    key: hex(rng, 32),
    status: 'done',
    name: rename(`${defense.name}${suffix}`),
    dataset: {
      name: rename('cifar10'),
      version: 1,
      params: {},
      hash: 'd'.repeat(64),
      train: 10_000,
      validation: 500,
      test: n,
      classNames: CLASSES.map(rename),
    },
    arch: { ...arch, name: rename(arch.name) },
    defense: {
      name: rename(defense.name),
      version: 1,
      params: { ...defense.params, ...(variant > 0 ? { variant } : {}) },
      title: rename(defense.title),
      paper: rename(defense.paper),
      references: papersOf(defense.name, rename),
      kind: defense.kind ?? 'training',
      ...(defense.role && { role: defense.role }),
    },
    threat: { norm: 'Linf', eps: 8 / 255 },
    recipe: { epochs: 12, batchSize: 128, learningRate: 0.1, schedule: 'one-cycle', weightDecay: 5e-4 },
    seed,
    extraData: false,
    weightsHash: hex(rng, 64),
    epochs,
    bestEpoch: 12,
    cost: {
      passes: { forward: defense.passes[0] * examples, backward: defense.passes[1] * examples },
      optimizerSteps: 948,
      examples,
      wallMs,
      imagesPerSecond: round(examples / (wallMs / 1000), 1),
      peakMemoryMb: 400 + rng.int(100),
      split: {
        craftMs: defense.passes[0] > 1 ? Math.round(wallMs * 0.7) : 0,
        updateMs: Math.round(wallMs * (defense.passes[0] > 1 ? 0.2 : 0.9)),
        validateMs: Math.round(wallMs * 0.07),
        dataMs: Math.round(wallMs * 0.03),
      },
    },
    flags:
      defense.name === 'fgsm-rs' && variant === 1
        ? [{ name: 'catastrophic-overfitting', detail: rename('validation PGD fell from 0.25 to 0.03 at epoch 9') }]
        : [],
    provenance,
  };
}

function syntheticCell(
  rng: Rng,
  model: ModelRecord,
  attack: Attack,
  threat: { norm: NormName; eps: number },
  labels: number[],
  right: boolean[],
  failed: boolean,
  rename: (text: string) => string,
): CellRecord {
  const n = labels.length;
  const k = right.filter(Boolean).length;
  const broken = n - k;
  const clean = attack.name === 'clean';
  return {
    schema: 1,
    kind: 'cell',
    key: hex(rng, 32),
    status: failed ? 'failed' : 'done',
    ...(failed ? { error: { message: rename('worker killed by the system (signal SIGKILL)'), kind: 'killed' as const } } : {}),
    model: { key: model.key, name: model.name, weightsHash: model.weightsHash },
    attack: {
      name: attack.name,
      version: 1,
      params: attack.params,
      label: attack.label,
      title: rename(attack.title),
      paper: rename(attack.paper),
      references: papersOf(attack.name, rename),
      access: attack.access,
      ...(attack.role && { role: attack.role }),
    },
    threat,
    seed: 0,
    dataset: { name: rename('cifar10'), hash: 'd'.repeat(64) },
    n: failed ? 0 : n,
    accuracy: failed ? 0 : k / n,
    interval: failed ? [0, 1] : wilson(k, n),
    outcomes: failed
      ? { robust: '', labels: [], predictions: [], distances: [] }
      : {
          robust: right.map((r) => (r ? '1' : '0')).join(''),
          labels,
          predictions: right.map((r, i) => (r ? (labels[i] as number) : ((labels[i] as number) + 1 + rng.int(9)) % 10)),
          distances: right.map((r) => (clean || r ? 0 : round(threat.eps * (0.9 + 0.1 * rng.next()), 6))),
          ...(clean ? { confidences: right.map(() => round(0.3 + 0.7 * rng.next(), 4)) } : {}),
        },
    passes: { forward: attack.passes[0] * n, backward: attack.passes[1] * n },
    wallMs: 20 + (attack.passes[0] + attack.passes[1] * 2) * n * 0.2,
    imagesPerSecond: round(5000 / (attack.passes[0] + 1), 1),
    peakMemoryMb: 380,
    ...(attack.name === 'autoattack' && !failed
      ? {
          members: [
            {
              attack: 'apgd-ce',
              entered: n,
              left: Math.round(k + broken * 0.1),
              passes: { forward: 100 * n, backward: 100 * n },
              wallMs: 4000,
            },
            {
              attack: 'apgd-t',
              entered: Math.round(k + broken * 0.1),
              left: k,
              passes: { forward: 600 * n, backward: 600 * n },
              wallMs: 20_000,
            },
          ],
        }
      : {}),
    ...(attack.name === 'pgd' && !failed
      ? { survivors: Array.from({ length: 21 }, (_, i) => [i, Math.round(k + broken * Math.exp(-i / 3))] as [number, number]) }
      : {}),
    flags: [],
    provenance,
  };
}
