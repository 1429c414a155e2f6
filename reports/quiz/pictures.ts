/** The pictures of a quiz, gathered while the evidence of one model after the other is at hand. */
import type { EvidenceSource } from '../../records/evidence/write.ts';
import { indicesOf } from '../../records/record.ts';
import { picture } from '../formats/picture.ts';
import type { ModelView } from '../view/view.ts';
import { FAR, type QuizItem, type QuizPlan } from './plan.ts';

export const FORMS = ['clean', 'near', 'far'] as const;
export type Form = (typeof FORMS)[number];

/** PNGs of an item. */
export type Pictures = Readonly<Record<Form, Buffer>>;

/** Pixels in [0,1] of an item as far as they were met. */
type Pixels = { [F in Form]?: Float32Array } & { shape?: EvidenceSource['inputShape'] };

export class QuizPictures {
  readonly #plans: readonly QuizPlan[];
  readonly #pixels = new Map<QuizItem, Pixels>();

  constructor(plans: readonly QuizPlan[]) {
    this.#plans = plans;
  }

  /** Takes what the quizzes need of what is published of a model. */
  take(model: ModelView, { inputShape, originals, cells }: EvidenceSource): void {
    const size = inputShape[0] * inputShape[1] * inputShape[2];
    const rowOf = (pixels: Float32Array, row: number) => pixels.slice(row * size, (row + 1) * size);
    const original = (image: number) => {
      const block = originals.find(({ indices }) => indices.includes(image));
      return block && rowOf(block.pixels, block.indices.indexOf(image));
    };
    const point = (key: string, image: number) => {
      const own = cells.find(({ cell }) => cell.key === key);
      const place = own ? indicesOf(own.cell).indexOf(image) : -1;
      const block = own?.blocks.find(({ ids }) => ids.includes(place));
      return block && rowOf(block.pixels, block.ids.indexOf(place));
    };
    for (const { items } of this.#plans)
      for (const item of items) {
        const known = this.#pixels.get(item) ?? {};
        this.#pixels.set(item, known);
        if (item.near.model === model) {
          known.clean = original(item.image);
          known.near = point(item.near.cell.key, item.image);
          known.shape = inputShape;
        }
        if (item.far?.model === model) known.far = point(item.far.cell.key, item.image);
      }
  }

  /** Those of an item; undefined where not all of it was met. */
  of(item: QuizItem): Pictures | undefined {
    const { clean, near, far, shape } = this.#pixels.get(item) ?? {};
    if (!shape || !clean || !near || (item.far && !far)) return undefined;
    const drawn = far ?? near.map((v, i) => Math.min(1, Math.max(0, (clean[i] as number) + FAR * (v - (clean[i] as number)))));
    const png = (pixels: Float32Array) => picture([pixels], shape);
    return { clean: png(clean), near: png(near), far: png(drawn) };
  }
}
