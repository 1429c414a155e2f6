/** Evidence for tests: the golden network attacked in earnest, its records and its source as a run would have them, and its pieces in memory. */
import { readFileSync } from 'node:fs';
import { attack as attackNamed } from '../../attacks/index.ts';
import { type Counts, check, type Told } from '../../browser/check.ts';
import type { Replayed } from '../../browser/replay.ts';
import { heldSplit } from '../../datasets/split.ts';
import { evaluate } from '../../harness/evaluate/evaluate.ts';
import { predictClean } from '../../harness/evaluate/predict.ts';
import type { Held } from '../../records/evidence/format.ts';
import type { EvidenceSource, ImageBlock } from '../../records/evidence/write.ts';
import { sha256 } from '../../records/hash.ts';
import type { CellRecord, ModelRecord, RampartRecord } from '../../records/record.ts';
import { wilson } from '../../records/stats.ts';
import type { NormName } from '../../tensor/norms/index.ts';
import { Rng } from '../../tensor/rng.ts';
import { goldenEntries, goldenNetwork } from '../golden.ts';
import { syntheticRecords } from '../reports/synthetic.ts';

const SHAPE = [32, 32, 3] as const;
const SIZE = 3072;

export interface Published {
  readonly records: readonly RampartRecord[];
  readonly model: ModelRecord;
  readonly weights: Uint8Array;
  readonly source: EvidenceSource;
}

export interface Wanted {
  /** Images, the first of the golden batch of 64. */
  readonly n?: number;
  readonly attacks?: readonly (readonly [name: string, params: Record<string, unknown>, norm: NormName, eps: number])[];
  /** `model` was trained adversarially. */
  readonly network?: 'model' | 'model-standard';
}

/** Images `[k,32,32,3]` as whole grey levels. */
const whole = (pixels: Float32Array) => pixels.map((v) => Math.round(v * 255) / 255);

/** Attacks the golden network on the current backend. */
export async function published({ n = 64, attacks = [['fgsm', {}, 'Linf', 8 / 255]], network = 'model' }: Wanted = {}): Promise<Published> {
  const weights = readFileSync(new URL(`../golden/${network}.safetensors`, import.meta.url));
  const batch = goldenEntries('batch');
  const labels = Int32Array.from(batch.get('labels')?.data.subarray(0, n) ?? []);
  // the golden images have channels first
  const planes = batch.get('images')?.data as Float32Array;
  const images = Uint8Array.from({ length: n * SIZE }, (_, i) => {
    const [image, pixel, channel] = [Math.floor(i / SIZE), Math.floor((i % SIZE) / 3), i % 3];
    return planes[image * SIZE + channel * 1024 + pixel] as number;
  });
  const data = { ...heldSplit({ images, labels }), shape: SHAPE };
  const trained = goldenNetwork(network);
  const classifier = trained.freeze();
  const clean = await predictClean({ classifier, name: network, rng: new Rng('clean') }, data, 64);
  const [template, cleanCell, ...others] = syntheticRecords({ models: 1, n, attacks: ['fgsm'] }) as [
    ModelRecord,
    CellRecord,
    ...CellRecord[],
  ];
  const model: ModelRecord = {
    ...template,
    arch: { ...template.arch, name: 'resnet-tiny' },
    weightsHash: sha256(weights),
    name: network === 'model' ? 'hardened' : 'plain',
    key: sha256(network).slice(0, 24),
  };
  const cellOf = (cell: CellRecord, robust: string, predictions: readonly number[], distances: readonly number[]): CellRecord => ({
    ...cell,
    key: sha256(`${network} ${cell.key} ${cell.attack.label} ${cell.threat.eps}`).slice(0, 24),
    model: { key: model.key, name: model.name, weightsHash: model.weightsHash },
    accuracy: [...robust].filter((o) => o === '1').length / n,
    interval: wilson([...robust].filter((o) => o === '1').length, n),
    outcomes: { robust, labels: [...labels], predictions: [...predictions], distances: [...distances] },
    flags: [],
    members: undefined,
    survivors: undefined,
  });
  const cells: { cell: CellRecord; blocks: (ImageBlock & { ids: number[] })[] }[] = [];
  for (const [name, params, norm, eps] of attacks) {
    const plugin = attackNamed(name);
    const found = await evaluate({
      classifier,
      name: model.name,
      attack: plugin,
      params: plugin.params.parse(params),
      threat: { norm, eps },
      data,
      clean: clean.robust,
      rng: new Rng(name),
      batchSize: 32,
      sources: new Map(),
      signal: new AbortController().signal,
      keepExamples: n,
    });
    const { ids, adversarial } = found.examples as { ids: number[]; adversarial: Float32Array };
    const template = others[0] as CellRecord;
    const named = { ...template, attack: { ...template.attack, name, label: name, title: plugin.title, params }, threat: { norm, eps } };
    const cell = cellOf(named, found.robust, found.predictions, found.distances);
    // FGSM at whole grey levels stays on them
    const dtype = name === 'fgsm' ? 'U8' : 'F32';
    const pixels = dtype === 'U8' ? whole(adversarial) : adversarial;
    cells.push({ cell, blocks: ids.length > 0 ? [{ dtype, shape: SHAPE, pixels, ids }] : [] });
  }
  classifier.dispose();
  trained.dispose();
  return {
    model,
    records: [model, cellOf(cleanCell, clean.robust, clean.predictions, new Array(n).fill(0)), ...cells.map(({ cell }) => cell)],
    weights,
    source: {
      weights,
      normalization: { mean: [0, 0, 0], std: [1, 1, 1] },
      inputShape: SHAPE,
      originals: [{ dtype: 'U8', shape: SHAPE, pixels: Float32Array.from(images, (v) => v / 255), indices: Array.from(labels.keys()) }],
      cells,
    },
  };
}

/** Checks from pieces in memory, as the worker does from those of a site. */
export async function checked(index: Held, files: ReadonlyMap<string, string>, weights?: Uint8Array) {
  const told: Told[] = [];
  const load = async (path: string) => /","(.*)"/.exec(files.get(path) ?? '')?.[1];
  const { counts, stopped } = await check({
    index,
    ...(weights && { weights }),
    load,
    signal: new AbortController().signal,
    tell: (what) => void told.push(what),
  });
  const results: Replayed[] = told.flatMap((what) => (what.type === 'images' ? what.results : []));
  return { counts: counts as Counts, stopped, results, told };
}
