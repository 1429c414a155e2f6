/** "Attack it live": models that stay open between runs, the images to choose from, and the runs themselves. */
import type { Threat } from '../attacks/attack.ts';
import { parseCounterexamples, writeCounterexamples } from '../records/evidence/counterexample.ts';
import type { Evidence, Held } from '../records/evidence/format.ts';
import { Originals, openEvidence } from './check.ts';
import type { Running, Wanted } from './engine.ts';
import { attackLive, type LiveResult, type Step } from './live.ts';
import { holder, type LoadPiece } from './pieces.ts';

/** Least time between two pictures of a search. */
const PICTURE_MS = 40;

/** A published test image to choose, with its pixels `[h,w,c]` in [0,1]. */
export interface Choice {
  readonly image: number;
  readonly label: number;
  readonly pixels: Float32Array;
}

export interface Chosen {
  /** A published image, by its index in the test split. */
  readonly image?: number;
  /** Or one of the reader's: `[h,w,c]` in [0,1]. */
  readonly own?: { readonly pixels: Float32Array; readonly label: number };
}

/** One run, on one model or on two beside each other. */
export interface Run {
  readonly models: readonly Held[];
  readonly chosen: Chosen;
  readonly attack: { readonly name: string; readonly params: Record<string, unknown> };
  readonly threat: Threat;
  readonly seed: string;
}

/** `model` is the place in `Run.models`. */
export type LiveTold =
  | { readonly type: 'status'; readonly text: string }
  | { readonly type: 'begun'; readonly model: number; readonly engine: string; readonly original: Float32Array; readonly label: number }
  | ({ readonly type: 'step'; readonly model: number; readonly point?: Float32Array } & Omit<Step, 'point'>)
  | ({ readonly type: 'ended'; readonly model: number } & LiveResult);

interface Opened {
  readonly evidence: Evidence;
  readonly running: Running;
  readonly originals: Originals;
}

/** A point that a search found on a published image. */
export interface Find extends Pick<Run, 'attack' | 'threat' | 'seed'> {
  readonly index: Held;
  /** Index in the test split. */
  readonly image: number;
  /** `[h,w,c]`. */
  readonly point: Float32Array;
  readonly prediction: number;
  /** Whose find it is; empty where that is nobody's business. */
  readonly finder: string;
}

export class Session {
  readonly #load: LoadPiece;
  readonly #tell: (what: LiveTold) => void;
  readonly #engine: () => Wanted;
  readonly #opened = new Map<string, Opened>();

  /** `engine` is asked when a model is opened. */
  constructor(load: LoadPiece, tell: (what: LiveTold) => void, engine: () => Wanted) {
    this.#load = load;
    this.#tell = tell;
    this.#engine = engine;
  }

  async #open(index: Held): Promise<Opened> {
    const known = this.#opened.get(index.sha256);
    if (known) return known;
    const tell = (what: { type: string; text?: string }) => what.text && this.#tell({ type: 'status', text: what.text });
    const { evidence, model } = await openEvidence({ index, engine: this.#engine(), load: this.#load, tell });
    const opened = { evidence, running: model, originals: new Originals(evidence, holder(this.#load)) };
    this.#opened.set(index.sha256, opened);
    return opened;
  }

  /** Shape and classes of a model's images, what its records claim, and `count` of those that are published, from place `from` on. */
  async images(index: Held, from: number, count: number) {
    const { evidence, originals } = await this.#open(index);
    const all = evidence.originals.flatMap(({ indices, labels }) => indices.map((image, i) => ({ image, label: labels[i] as number })));
    const choices: Choice[] = [];
    for (const { image, label } of all.slice(from, from + count))
      choices.push({ image, label, pixels: (await originals.at(image)) as Float32Array });
    const { inputShape: shape, classNames } = evidence.model;
    return { shape, classNames, claims: evidence.claims, total: all.length, choices };
  }

  /** Attacks the chosen image on every model in turn. Throws what the attack throws, the signal's reason included. */
  async run({ models, chosen, ...rest }: Run, signal: AbortSignal): Promise<void> {
    for (const [model, index] of models.entries()) {
      const { evidence, running, originals } = await this.#open(index);
      const { pixels, label, image } = await this.#chosen(chosen, evidence, originals);
      this.#tell({ type: 'begun', model, engine: running.engine, original: pixels, label });
      await running.use();
      let shown = Number.NEGATIVE_INFINITY;
      const result = await attackLive({
        ...rest,
        classifier: running.classifier,
        name: evidence.model.name,
        pixels,
        label,
        image,
        signal,
        step: ({ point, ...step }) => {
          const now = performance.now();
          const picture = now - shown >= PICTURE_MS;
          if (picture) shown = now;
          this.#tell({ type: 'step', model, ...step, ...(picture && { point: point() }) });
        },
      });
      await running.settle();
      this.#tell({ type: 'ended', model, ...result });
    }
  }

  /** A file that `rampart validate-results` takes in, measures and runs again. Throws where the image is not published here. */
  async counterexample({
    index,
    image,
    point,
    prediction,
    finder,
    attack,
    threat,
    seed,
  }: Find): Promise<{ name: string; bytes: Uint8Array }> {
    const { evidence, originals } = await this.#open(index);
    const { model } = evidence;
    const { pixels, label } = await this.#chosen({ image }, evidence, originals);
    const bytes = writeCounterexamples({
      model: { key: model.key, name: model.name, weightsHash: model.weightsHash },
      dataset: model.dataset.hash,
      threat,
      images: [image],
      labels: [label],
      prediction,
      shape: model.inputShape,
      clean: pixels,
      adversarial: point,
      attack: attack.name,
      params: attack.params,
      seed,
      ...(finder !== '' && { finder }),
    });
    parseCounterexamples(bytes); // a name that no reader would take is refused here
    return { name: `${model.key}-${image}.counterexample.safetensors`, bytes };
  }

  async #chosen({ image, own }: Chosen, evidence: Evidence, originals: Originals) {
    if (own) return { ...own, image: 0 };
    for (const { indices, labels } of evidence.originals) {
      const place = indices.indexOf(image ?? -1);
      const pixels = place < 0 ? undefined : await originals.at(indices[place] as number);
      if (pixels) return { pixels, label: labels[place] as number, image: indices[place] as number };
    }
    throw new Error(`${evidence.model.name} has no test image ${image} here`);
  }
}
