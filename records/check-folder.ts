/** Checks a folder of records that several people add to: what does not fit is refused, with the reason. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { checkImages } from './checks/images.ts';
import { type Found, orRefuse, type Refusal, type Refuse } from './checks/refusal.ts';
import { parseExamples } from './examples.ts';
import { sha256 } from './hash.ts';
import { type Labels, parseLabels } from './packed/labels.ts';
import { PLACES_IN_WORDS, placeAt } from './paths.ts';
import { hashPlain, kindOf, LIMITS, readPlain, UnfitFile } from './plain-file.ts';
import { type AnyCellRecord, indicesOf, isCorrupted, isInBall, type ModelRecord } from './record.ts';
import { parseStored } from './record-file.ts';
import { canonical } from './slug.ts';
import { wilson } from './stats.ts';

export type { Refusal } from './checks/refusal.ts';

export interface Validation {
  readonly models: number;
  readonly cells: number;
  readonly refused: Refusal[];
}

/** Reads every file below `dir`. Throws only where the folder cannot be read. */
export async function validateResults(dir: string): Promise<Validation> {
  const refused: Refusal[] = [];
  const refuse: Refuse = (file, reason) => refused.push({ file, reason });
  const models: Found<ModelRecord>[] = [];
  const cells: Found<AnyCellRecord>[] = [];
  const files = await filesBelow(dir, '', refuse);
  const labels = await readLabels(dir, files, refuse);
  for (const file of files) {
    const place = placeAt(file);
    if (place?.is === 'model')
      await orRefuse(file, refuse, async () => take(file, place.id, await readRecord(dir, file, 'model', labels), models));
    else if (place?.is === 'cell')
      await orRefuse(file, refuse, async () => take(file, place.id, await readRecord(dir, file, 'cell', labels), cells));
    else if (!place && !/^(README\.md|\.gitkeep)$/.test(file)) refuse(file, `not the place of a record: expected ${PLACES_IN_WORDS}`);
  }
  for (const { file, cells } of labels.values()) if (cells === 0) refuse(file, 'no labels of a cell that is here');
  await checkWeights(dir, files, models, refuse);
  await checkExamples(dir, files, cells, refuse);
  const attacked = cells.flatMap(({ file, record }) => (isInBall(record) ? [{ file, record }] : []));
  await checkImages(dir, files, attacked, refuse);
  checkModels(models, refuse);
  checkCells(cells, models, refuse);
  refused.sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0));
  const bad = new Set(refused.map((r) => r.file));
  const good = (list: readonly Found<unknown>[]) => list.filter((f) => !bad.has(f.file)).length;
  return { models: good(models), cells: good(cells), refused };
}

/** No place of a record has more folders above it. */
const DEEPEST = 2;

/** Plain files below `dir`; what is neither one nor a folder is refused, and so is what lies too deep to be looked at. */
async function filesBelow(dir: string, below: string, refuse: Refuse): Promise<string[]> {
  const entries = await readdir(join(dir, below), { withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = below ? `${below}/${entry.name}` : entry.name;
    if (entry.isFile()) found.push(path);
    else if (!entry.isDirectory()) refuse(path, `expected a plain file, got ${kindOf(entry)}`);
    else if (path.split('/').length > DEEPEST) refuse(path, 'not the place of a record: a folder too deep');
    else found.push(...(await filesBelow(dir, path, refuse)));
  }
  return found;
}

/** Labels that are here, by the hash of their file, and how many cells name them. */
type LabelFiles = Map<string, { readonly file: string; readonly labels: Labels; cells: number }>;

async function readLabels(dir: string, files: readonly string[], refuse: Refuse): Promise<LabelFiles> {
  const found: LabelFiles = new Map();
  for (const file of files) {
    const place = placeAt(file);
    if (place?.is !== 'labels') continue;
    await orRefuse(file, refuse, async () => {
      found.set(place.id, { file, labels: parseLabels(await readPlain(dir, file, LIMITS.record), place.id), cells: 0 });
    });
  }
  return found;
}

async function readRecord<K extends 'model' | 'cell'>(dir: string, file: string, kind: K, labels: LabelFiles) {
  const stored = parseStored(kind, await readPlain(dir, file, LIMITS.record));
  if ('record' in stored) return stored.record;
  const own = labels.get(stored.images);
  if (!own) throw new UnfitFile(`the labels of its images, labels/${stored.images}.json, are not here`);
  own.cells++;
  return stored.with(own.labels);
}

/** Takes a record that stands where its key says and is a result. */
function take<T extends ModelRecord | AnyCellRecord>(file: string, key: string | undefined, record: T, into: Found<T>[]): void {
  if (record.key !== key) throw new UnfitFile(`expected the key ${key} of its file name, got ${record.key}`);
  if (record.status === 'failed') throw new UnfitFile(`a failed job is no result: ${record.error?.message ?? 'no reason recorded'}`);
  into.push({ file, record });
}

async function checkWeights(dir: string, files: readonly string[], models: readonly Found<ModelRecord>[], refuse: Refuse) {
  for (const file of files) {
    const place = placeAt(file);
    if (place?.is !== 'artifact') continue;
    await orRefuse(file, refuse, async () => {
      if (!models.some((m) => m.record.weightsHash === place.id)) throw new UnfitFile('no weights of a model that is here');
      const hash = await hashPlain(dir, file, LIMITS.weights);
      if (hash !== place.id) throw new UnfitFile(`expected SHA-256 ${place.id} of its name, got ${hash}`);
    });
  }
}

/** Reads examples as the gallery does. */
async function checkExamples(dir: string, files: readonly string[], cells: readonly Found<AnyCellRecord>[], refuse: Refuse) {
  for (const file of files) {
    const place = placeAt(file);
    if (place?.is !== 'examples') continue;
    await orRefuse(file, refuse, async () => {
      const cell = cells.find((c) => c.record.key === place.id);
      if (!cell) throw new UnfitFile('examples without a cell record beside them');
      const bytes = await readPlain(dir, file, LIMITS.examples);
      const { examples } = cell.record;
      if (examples !== undefined && sha256(bytes) !== examples)
        throw new UnfitFile(`expected SHA-256 ${examples} of the record, got ${sha256(bytes)}`);
      parseExamples(bytes, cell.record);
    });
  }
}

/** The first file with each identity stays; `refuse` is told of the others. */
function refuseRepeats<T>(found: readonly Found<T>[], identity: (record: T) => string, refuse: Refuse): void {
  const seen = new Map<string, string>();
  for (const { file, record } of found) {
    const id = identity(record);
    const earlier = seen.get(id);
    if (earlier === undefined) seen.set(id, file);
    else refuse(file, `repeats ${earlier}: the same result under another key`);
  }
}

function wrapsItself(model: ModelRecord, models: readonly Found<ModelRecord>[]): boolean {
  const byKey = new Map(models.map((m) => [m.record.key, m.record]));
  const passed = new Set<string>();
  for (let inner: ModelRecord | undefined = model; inner; inner = byKey.get(inner.wraps ?? '')) {
    if (passed.has(inner.key)) return true;
    passed.add(inner.key);
  }
  return false;
}

function checkModels(models: readonly Found<ModelRecord>[], refuse: Refuse): void {
  const hashes = new Map<string, { hash: string; file: string }>();
  for (const { file, record } of models) {
    const { name, version, params, train, test, selection, hash, classNames } = record.dataset;
    if (!/^[0-9a-f]{64}$/.test(record.weightsHash)) refuse(file, `expected a SHA-256 as weightsHash, got "${record.weightsHash}"`);
    if (classNames.length < 2) refuse(file, `expected at least 2 class names, got ${classNames.length}`);
    if (record.wraps && !models.some((m) => m.record.key === record.wraps)) refuse(file, `wraps model ${record.wraps}, which is not here`);
    if (wrapsItself(record, models)) refuse(file, 'wraps itself, by whatever way round');
    const id = canonical([name, version, params, train, test, selection]);
    const known = hashes.get(id);
    if (!known) hashes.set(id, { hash, file });
    else if (known.hash !== hash)
      refuse(file, `the contents of data set ${name} differ from those in ${known.file}: expected hash ${known.hash}, got ${hash}`);
  }
  const identity = (r: ModelRecord) =>
    canonical([
      r.weightsHash,
      r.defense.name,
      r.defense.version,
      r.defense.params,
      r.recipe.keep,
      r.recipe.until,
      r.arch.name,
      r.dataset.hash,
      r.seed,
      r.provenance.engine,
    ]);
  refuseRepeats(models, identity, refuse);
}

function checkCells(cells: readonly Found<AnyCellRecord>[], models: readonly Found<ModelRecord>[], refuse: Refuse): void {
  const byKey = new Map(models.map((m) => [m.record.key, m.record]));
  /** By data set: the class of each test image, and the record that says so. */
  const labels = new Map<string, Map<number, { label: number; file: string }>>();
  for (const { file, record } of cells) {
    const model = byKey.get(record.model.key);
    const reason = cellProblem(record, model);
    if (reason !== undefined) {
      refuse(file, reason);
      continue;
    }
    const known = labels.get(record.dataset.hash) ?? new Map<number, { label: number; file: string }>();
    labels.set(record.dataset.hash, known);
    const own = indicesOf(record).map((image, i) => ({ image, label: record.outcomes.labels[i] as number }));
    const differs = own.find(({ image, label }) => label !== (known.get(image)?.label ?? label));
    const other = differs && known.get(differs.image);
    if (other) refuse(file, `the label of image ${differs.image} is ${differs.label}, but ${other.label} in ${other.file}`);
    else for (const { image, label } of own) if (!known.has(image)) known.set(image, { label, file });
  }
  const identity = (r: AnyCellRecord) =>
    canonical([
      r.model.key,
      r.model.weightsHash,
      r.attack.name,
      r.attack.version,
      r.attack.params,
      r.attack.budget,
      r.attack.draw,
      r.attack.access === 'none' && !isCorrupted(r) ? '' : r.threat,
      r.seed,
      r.dataset.hash,
      indicesOf(r),
      r.indices,
      r.provenance.engine,
    ]);
  refuseRepeats(cells, identity, refuse);
}

/** The first thing that does not fit in a cell, or undefined. */
function cellProblem(cell: AnyCellRecord, model: ModelRecord | undefined): string | undefined {
  const { n, outcomes, threat } = cell;
  if (!model) return `its model ${cell.model.key} is not here`;
  if (cell.model.weightsHash !== model.weightsHash)
    return `attacks weights ${cell.model.weightsHash}, but the model record has ${model.weightsHash}`;
  if (cell.dataset.hash !== model.dataset.hash) return `is on data ${cell.dataset.hash}, but its model on ${model.dataset.hash}`;
  if (n < 1) return `expected at least one image, got n ${n}`;
  if (n > model.dataset.test) return `expected at most the ${model.dataset.test} test images, got n ${n}`;
  const { indices } = cell;
  if (indices && (indices.length !== n || new Set(indices).size !== n)) return `expected ${n} indices, each once, got ${indices.length}`;
  const stranger = /[^01]/.exec(outcomes.robust);
  if (stranger) return `expected 0 or 1 in outcomes.robust, got "${stranger[0]}" at ${stranger.index}`;
  const right = outcomes.robust.split('1').length - 1;
  if (Math.abs(cell.accuracy - right / n) > 1e-9) return `accuracy ${cell.accuracy} is not the ${right} of ${n} outcomes`;
  const [low, high] = wilson(right, n);
  if (Math.abs(cell.interval[0] - low) > 1e-6 || Math.abs(cell.interval[1] - high) > 1e-6)
    return `interval [${cell.interval.join(', ')}] is not the Wilson interval [${low}, ${high}] of ${right} of ${n}`;
  const classes = model.dataset.classNames.length;
  // Distances are rounded to six digits, and float32 images cannot hold every perturbation exactly.
  const limit =
    cell.attack.access === 'none'
      ? 0
      : cell.attack.bounded === false
        ? Number.POSITIVE_INFINITY
        : threat.kind === 'corruption'
          ? 0
          : threat.eps * 1.001 + 2e-6;
  for (let i = 0; i < n; i++) {
    const [label, prediction, distance] = [
      outcomes.labels[i] as number,
      outcomes.predictions[i] as number,
      outcomes.distances[i] as number,
    ];
    if (label < 0 || label >= classes) return `label ${label} of image ${i} is not one of ${classes} classes`;
    if (prediction < 0 || prediction >= classes) return `prediction ${prediction} of image ${i} is not one of ${classes} classes`;
    if (outcomes.robust[i] === '1' && prediction !== label)
      return `image ${i} counts as right, but ${prediction} was predicted for ${label}`;
    if (distance < 0 || distance > limit)
      return `image ${i} was moved by ${distance}, outside ${threat.kind === 'corruption' ? 'a corruption, which has no distance' : `${threat.norm} ${threat.eps}`}`;
  }
  return undefined;
}
