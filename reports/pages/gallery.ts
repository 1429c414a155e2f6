/** The gallery of adversarial examples: pictures made from the arrays that a run kept beside its cells. */
import type { Examples } from '../../records/examples.ts';
import { type CellRecord, indicesOf } from '../../records/record.ts';
import type { Files } from '../formats/files.ts';
import { radius } from '../formats/format.ts';
import { picture } from '../formats/picture.ts';
import { placesIn } from '../view/images.ts';
import { isClean, isDone, type ModelView } from '../view/view.ts';

export interface GalleryItem {
  readonly src: string;
  readonly width: number;
  readonly height: number;
  readonly alt: string;
  readonly attack: string;
  readonly image: number;
  readonly label: string;
  readonly clean: string;
  readonly adversarial: string;
  readonly distance: string;
}

/** Pixels between the three panels. */
const GAP = 2;
/** Examples shown of one cell. */
const MOST = 4;

/** Three panels side by side: the image, the perturbation scaled so that its largest value spans the range (grey is 0), the adversarial image. */
export function panels(clean: Float32Array, adversarial: Float32Array, shape: readonly [number, number, number]): Buffer {
  let largest = 0;
  for (let i = 0; i < clean.length; i++) largest = Math.max(largest, Math.abs((adversarial[i] as number) - (clean[i] as number)));
  const scale = largest > 0 ? 0.5 / largest : 0;
  const moved = clean.map((v, i) => 0.5 + scale * ((adversarial[i] as number) - v));
  return picture([clean, moved, adversarial], shape, GAP);
}

/** What a run kept of a cell, if it did. */
export type ExamplesOf = (cell: CellRecord) => Promise<Examples | undefined>;

/** The gallery of one model, its pictures added to `files`; empty where the run kept no examples. */
export async function galleryOf(model: ModelView, examplesOf: ExamplesOf, files: Files): Promise<GalleryItem[]> {
  const items: GalleryItem[] = [];
  for (const cell of model.cells.filter(isDone)) {
    const examples = await examplesOf(cell);
    if (examples) items.push(...cellGallery(model, cell, examples, files));
  }
  return items;
}

function cellGallery(model: ModelView, cell: CellRecord, examples: Examples, files: Files): GalleryItem[] {
  const { ids, clean, adversarial, confidences, shape } = examples;
  const [h, w, c] = shape;
  const size = h * w * c;
  const reference = model.cells.find((other) => isClean(other) && isDone(other));
  const images = indicesOf(cell);
  const cleanPlace = reference && placesIn(reference);
  const names = model.record.dataset.classNames;
  const className = (index: number | undefined) => names[index ?? -1] ?? String(index ?? '?');
  const withConfidence = (label: string, confidence: number | undefined) =>
    confidence === undefined ? label : `${label} (${(100 * confidence).toFixed(0)} %)`;
  const items: GalleryItem[] = [];
  for (const [e, at] of ids.slice(0, MOST).entries()) {
    const image = images[at] as number;
    const slice = (a: Float32Array) => a.subarray(e * size, (e + 1) * size);
    const path = `gallery/${cell.key}-${image}.png`;
    files.add(path, panels(slice(clean), slice(adversarial), shape));
    const cleanAt = cleanPlace?.(image) ?? -1;
    const before = withConfidence(className(reference?.outcomes.predictions[cleanAt]), reference?.outcomes.confidences?.[cleanAt]);
    const after = withConfidence(className(cell.outcomes.predictions[at]), confidences?.[e]);
    const label = className(cell.outcomes.labels[at]);
    items.push({
      src: `../${path}`,
      width: 3 * w + 2 * GAP,
      height: h,
      alt: `Test image ${image}, ${label}: the image, the perturbation scaled, and the adversarial image`,
      attack: `${cell.attack.label}, ${cell.threat.norm} ${radius(cell.threat.eps)}`,
      image,
      label,
      clean: before,
      adversarial: after,
      distance: String(Number((cell.outcomes.distances[at] ?? 0).toPrecision(3))),
    });
  }
  return items;
}
