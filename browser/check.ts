/** "Check it here": a model's weights and the images that broke it, read from the site and replayed, cell by cell. */
import { setImmediate } from 'node:timers/promises';
import { RampartError } from '../errors.ts';
import type { Classifier } from '../models/classifier.ts';
import type { Evidence, EvidenceCell, Held } from '../records/evidence/format.ts';
import { parseEvidence, parseImages } from '../records/evidence/read.ts';
import { type Running, running, type Wanted } from './engine.ts';
import { openModel } from './model.ts';
import { holder, type LoadPiece } from './pieces.ts';
import { type Replayed, replay, type Verdict } from './replay.ts';

/** Images of one pass. */
const BATCH = 50;

export type Counts = Record<Verdict, number>;

/** What is told on the way. */
export type Told =
  | { readonly type: 'status'; readonly text: string }
  /** The model is there, and its weights are those of the record. */
  | {
      readonly type: 'opened';
      /** The engine that runs it, in words. */
      readonly engine: string;
      readonly total: number;
      readonly classNames: readonly string[];
      readonly cells: readonly Pick<EvidenceCell, 'key' | 'attack' | 'threat' | 'n' | 'broken'>[];
    }
  | {
      readonly type: 'images';
      readonly cell: number;
      readonly results: readonly Replayed[];
      readonly done: number;
      readonly counts: Counts;
    };

export interface CheckInput {
  readonly index: Held;
  /** A file of weights that the reader brings, in the place of the site's. */
  readonly weights?: Uint8Array;
  /** WebAssembly unless given. */
  readonly engine?: Wanted;
  readonly load: LoadPiece;
  readonly signal: AbortSignal;
  tell(what: Told): void;
}

/** The evidence and the network of a model. The caller owns the network. Throws where the weights are not those of the record. */
export async function openEvidence({
  index,
  weights,
  engine = { engine: 'wasm' },
  load,
  tell,
}: Pick<CheckInput, 'index' | 'weights' | 'engine' | 'load' | 'tell'>): Promise<{ evidence: Evidence; model: Running }> {
  const read = holder(load);
  const evidence = parseEvidence(await read(index, 'the index'));
  if (!weights && !evidence.weights)
    throw new RampartError('[weights] this site has not the weights of this model: bring their file to check what it says of them');
  tell({ type: 'status', text: 'loading the weights' });
  const bytes = weights ?? (await read(evidence.weights as Held, 'the weights'));
  tell({ type: 'status', text: 'checking the SHA-256 of the weights' });
  const make = openModel(bytes, evidence.model);
  if (engine.gpu !== undefined) tell({ type: 'status', text: 'comparing WebGPU with WebAssembly' });
  return { evidence, model: await running(make, engine) };
}

/** Checks every image; resolves with whether it came to the end. Throws where there is nothing to check with. */
export async function check(input: CheckInput): Promise<{ counts: Counts; stopped: boolean }> {
  const { load, signal, tell } = input;
  const counts: Counts = { confirmed: 0, edge: 0, disputed: 0 };
  const { evidence, model } = await openEvidence(input);
  const { classifier, engine } = model;
  try {
    await model.use();
    const total = evidence.cells.reduce((n, cell) => n + cell.indices.length, 0);
    const cells = evidence.cells.map(({ key, attack, threat, n, broken }) => ({ key, attack, threat, n, broken }));
    tell({ type: 'opened', engine, total, classNames: evidence.model.classNames, cells });
    const originals = new Originals(evidence, holder(load));
    let done = 0;
    for (const [i, cell] of evidence.cells.entries())
      for await (const results of cellResults(cell, evidence, classifier, originals, holder(load))) {
        await model.settle();
        for (const { verdict } of results) counts[verdict]++;
        done += results.length;
        tell({ type: 'images', cell: i, results, done, counts: { ...counts } });
        await setImmediate();
        if (signal.aborted) return { counts, stopped: done < total };
      }
    return { counts, stopped: false };
  } finally {
    classifier.dispose();
  }
}

type Read = ReturnType<typeof holder>;

/** Published test images by index, each file read when one of its images is wanted first. */
export class Originals {
  readonly #evidence: Evidence;
  readonly #read: Read;
  readonly #images = new Map<number, Float32Array>();
  readonly #seen = new Set<Held>();

  constructor(evidence: Evidence, read: Read) {
    this.#evidence = evidence;
    this.#read = read;
  }

  /** Undefined where it is not published. Throws where its file cannot be read or was changed. */
  async at(image: number): Promise<Float32Array | undefined> {
    const file = this.#evidence.originals.find(({ indices }) => indices.includes(image));
    if (file && !this.#seen.has(file)) {
      const what = 'original images';
      const { pixels } = parseImages(await this.#read(file, what), file.indices.length, this.#evidence.model.inputShape, what);
      const size = pixels.length / file.indices.length;
      for (const [i, index] of file.indices.entries()) this.#images.set(index, pixels.subarray(i * size, (i + 1) * size));
      this.#seen.add(file);
    }
    return this.#images.get(image);
  }
}

/** The verdicts of a cell, batch by batch; images whose file cannot be taken are disputed with the reason. */
async function* cellResults(cell: EvidenceCell, { model }: Evidence, classifier: Classifier, originals: Originals, read: Read) {
  let from = 0;
  for (const file of cell.adversarial) {
    const places = Array.from({ length: file.count }, (_, i) => from + i);
    from += file.count;
    const disputed = (reason: string) =>
      places.map((i): Replayed => ({ image: cell.indices[i] as number, label: cell.labels[i] as number, verdict: 'disputed', reason }));
    let pixels: Float32Array;
    const clean = new Map<number, Float32Array | undefined>();
    try {
      const what = `images of ${cell.attack}`;
      pixels = parseImages(await read(file, what), file.count, model.inputShape, what).pixels;
      for (const i of places) clean.set(i, await originals.at(cell.indices[i] as number));
    } catch (error) {
      if (!(error instanceof RampartError)) throw error;
      yield disputed(error.message);
      continue;
    }
    const size = pixels.length / file.count;
    for (let at = 0; at < places.length; at += BATCH) {
      const part = places.slice(at, at + BATCH);
      yield await replay(classifier, model.classNames, cell, {
        images: part.map((i) => cell.indices[i] as number),
        labels: part.map((i) => cell.labels[i] as number),
        adversarial: pixels.subarray(at * size, (at + part.length) * size),
        originals: part.map((i) => clean.get(i)),
      });
    }
  }
}
