/** Data sets of a suite, looked at before anything runs: broken data stops a run at its start, and keys hold the hash of what was read. */
import type { Dataset, DatasetPlugin, LoadOptions, Split } from '../../datasets/dataset.ts';
import { hashSplit, hashSplits, pick } from '../../datasets/split.ts';
import { RampartError } from '../../errors.ts';
import { fileIdentity } from '../../records/file-identity.ts';
import { keyOf } from '../../records/hash.ts';
import { type Labels, labelsFile } from '../../records/packed/labels.ts';
import type { DataFacts, KnownData } from '../../records/run-index.ts';
import type { Registry } from '../suite/registry.ts';
import { attacked, firstImages, firstOf, indicesIn, reachOf, type Selection, shown, startsAtZero } from '../suite/selection.ts';
import type { Suite, SuiteDataset } from '../suite/suite.ts';
import { checkedData, type DataOptions, placesOf, selected } from './data.ts';
import type { DataRef, Images } from './job.ts';
import { packageVersion } from './provenance.ts';

/** A data set as a plan needs it. */
export interface PlannedData {
  readonly ref: DataRef;
  /** The test images of every attack of the suite, in its order, then of every attack of its curve. */
  readonly attacked: readonly Images[];
  /** For a later run; absent where nothing says whether the data set is then still the same. */
  readonly known?: KnownData;
  /** Of the test images of every kind of cell, where the data set was loaded. */
  readonly labels?: readonly Labels[];
}

/** Every data set of the suite, in its order. What is `known` of an earlier run and still the same is not loaded; memory is freed again: workers load what they need. */
export async function prepareData(
  suite: Suite,
  registry: Registry,
  options: DataOptions,
  known: readonly KnownData[] = [],
): Promise<PlannedData[]> {
  const prepared: PlannedData[] = [];
  for (const entry of suite.datasets) {
    const { train, test } = entry.select;
    const asking = { ...options, limit: { train: train && reachOf(train), test: test && reachOf(test) } };
    const asked = await identityOf(entry, registry.dataset(entry.ref.name), suite, asking);
    const remembered = known.filter((k) => k.asked === asked).map((k) => k.facts);
    const facts = remembered.find(isWhole);
    const seen = facts ? { facts } : await look(entry, await checkedData(entry.ref, registry, asking), suite, options);
    const planned = { ...plannedData(entry, seen.facts, suite), labels: seen.labels };
    prepared.push(asked === undefined ? planned : { ...planned, known: { asked, facts: seen.facts } });
  }
  return prepared;
}

/** What the facts of a data set depend on: its plug-in, what the suite takes of it, and the files it is read from as the file system knows them. Undefined where the plug-in does not say, or a file is still to come. */
async function identityOf(
  { ref, select }: SuiteDataset,
  plugin: DatasetPlugin,
  suite: Suite,
  options: LoadOptions,
): Promise<string | undefined> {
  const paths = await plugin.files?.(ref.params, options);
  if (!paths) return undefined;
  const files = paths.map(fileIdentity);
  if (files.includes(undefined)) return undefined;
  const { attacks, curve } = suite;
  // by their places: a label may move to another attack
  const onCurve = curve && { ...curve, attacks: curve.attacks.map((label) => attacks.findIndex((attack) => attack.label === label)) };
  const attacked = [...attacks.map(({ n }) => n ?? null), ...(onCurve ? [onCurve] : [])];
  return keyOf({ rampart: packageVersion(), ref, select, attacked, files });
}

interface Chosen {
  readonly train: Selection;
  readonly test: Selection;
  readonly attacked: readonly Selection[];
}

/** The images that the suite selects, of those there are. */
function chosenOf({ label, select }: SuiteDataset, counts: DataFacts['counts'], suite: Suite): Chosen {
  const trains = suite.defenses.some((d) => d.kind === 'training');
  const chosen = (part: 'train' | 'test'): Selection => {
    const n = counts[part];
    const selection = select[part] ?? firstImages(n);
    const refuse = (expected: string, got: string) => {
      throw new RampartError(`[data set ${label}] ${part}: expected ${expected}, got ${got}`, {
        remedy: `look at datasets in ${suite.file}`,
      });
    };
    if (reachOf(selection) > n) refuse(`images of the ${n} there are`, shown(selection));
    if (n === 0 && (part === 'test' || trains)) refuse('at least one image', 'none');
    return selection;
  };
  const [train, test] = [chosen('train'), chosen('test')];
  return { train, test, attacked: attackedImages(suite, label, test) };
}

/** Those of a run that noted all that there is to note. */
type Facts = DataFacts & Required<Pick<DataFacts, 'form'>>;

const isWhole = (facts: DataFacts): facts is Facts => facts.form !== undefined;

/** What was seen of the images themselves. */
interface Seen {
  readonly facts: Facts;
  readonly labels?: readonly Labels[];
}

async function look(entry: SuiteDataset, dataset: Dataset, suite: Suite, { signal, onProgress }: DataOptions): Promise<Seen> {
  const { shape } = dataset;
  const counts = { train: dataset.train.n, test: dataset.test.n };
  const chosen = chosenOf(entry, counts, suite);
  const { train, test } = selected(dataset, chosen);
  const onPiece = (done: number) => {
    signal.throwIfAborted();
    onProgress?.(`hashing ${entry.label}`, done, train.n + test.n);
  };
  const whole = await hashSplits(shape, train, test, onPiece);
  const hashes = new Map([[JSON.stringify(chosen.test), whole.test]]);
  const labels = new Map([[JSON.stringify(chosen.test), labelsOf(test, chosen.test)]]);
  const attacked: string[] = [];
  for (const selection of chosen.attacked) {
    const id = JSON.stringify(selection);
    const images = pick(test, placesOf(chosen.test, selection));
    const hash = hashes.get(id) ?? (await hashSplit(images, shape, () => signal.throwIfAborted()));
    hashes.set(id, hash);
    labels.set(id, labelsOf(images, selection));
    attacked.push(hash);
  }
  const form = { shape, classes: dataset.classNames.length };
  const kept = [...labels.values()];
  const facts = { counts, hash: whole.both, train: whole.train, test: whole.test, attacked, form };
  return { facts: { ...facts, labels: kept.map((l) => labelsFile(l).hash) }, labels: kept };
}

/** As the records of cells on these images have them. */
function labelsOf({ labels }: Split, selection: Selection): Labels {
  return { labels: [...labels], ...(!startsAtZero(selection) && { indices: indicesIn(selection) }) };
}

function plannedData(entry: SuiteDataset, facts: Facts, suite: Suite): PlannedData {
  const { label, ref: plugin } = entry;
  const { train, test, attacked } = chosenOf(entry, facts.counts, suite);
  return {
    ref: {
      label,
      plugin,
      form: facts.form,
      hash: facts.hash,
      train: { selection: train, hash: facts.train },
      test: { selection: test, hash: facts.test },
    },
    attacked: attacked.map((selection, i) => ({ selection, hash: facts.attacked[i] as string })),
  };
}

/** The test images of every attack of the suite, in its order, then of every attack of its curve. */
export function attackedImages(suite: Suite, label: string, test: Selection): Selection[] {
  const { attacks, curve } = suite;
  const attacked = attacks.map(({ n }, i) => testImages(suite, i, label, test, n));
  const onCurve = (curve?.attacks ?? []).map((label) => attacked[attacks.findIndex((attack) => attack.label === label)] as Selection);
  return [...attacked, ...onCurve.map((images) => (curve?.n === undefined ? images : firstOf(images, curve.n)))];
}

/** The test images of attack `i` of the suite. */
function testImages(suite: Suite, i: number, label: string, test: Selection, n: number | Selection | undefined): Selection {
  try {
    return attacked(test, n);
  } catch (error) {
    if (!(error instanceof RampartError)) throw error;
    throw new RampartError(`[suite ${suite.file}] attacks[${i}].n: ${error.message} on data set ${label}`);
  }
}
