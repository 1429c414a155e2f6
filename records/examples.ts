/** The kept examples of a cell, checked: everything that shows them reads them here. */
import { readSafetensors } from '../models/safetensors.ts';
import { UnfitFile } from './plain-file.ts';
import type { CellRecord } from './record.ts';

/** `k` broken examples. */
export interface Examples {
  /** Places in the cell's outcomes. */
  readonly ids: readonly number[];
  /** `[h, w, c]` of one image; `c` is 1 or 3. */
  readonly shape: readonly [number, number, number];
  /** `[k,h,w,c]` in [0,1]. */
  readonly clean: Float32Array;
  /** `[k,h,w,c]` in [0,1]. */
  readonly adversarial: Float32Array;
  /** `[k]`, the softmax probability of the predicted class on each adversarial example. */
  readonly confidences?: Float32Array;
}

/** Longest side of an image. */
const LONGEST_SIDE = 2048;

const unit = (values: Float32Array) => values.every((v) => v >= 0 && v <= 1);

/** The examples of `cell` from the bytes of their file. Throws where they are no safetensors, or none of such a cell. */
export function parseExamples(bytes: Uint8Array, cell: Pick<CellRecord, 'n' | 'outcomes'>): Examples {
  const { entries } = readSafetensors(bytes, 'examples');
  const { ids, clean, adversarial, confidences, ...others } = Object.fromEntries(entries);
  if (!ids || !clean || !adversarial || Object.keys(others).length > 0)
    throw new UnfitFile('expected the entries ids, clean, adversarial and perhaps confidences');
  const [k = 0, h = 0, w = 0, c = 0] = adversarial.shape;
  const text = `[${adversarial.shape.join(', ')}]`;
  if (adversarial.shape.length !== 4 || !(h >= 1 && w >= 1 && h <= LONGEST_SIDE && w <= LONGEST_SIDE) || !(c === 1 || c === 3))
    throw new UnfitFile(`expected images of 1 or 3 channels with sides from 1 to ${LONGEST_SIDE}, got the shape ${text}`);
  if (
    clean.shape.join() !== adversarial.shape.join() ||
    ids.shape.join() !== `${k}` ||
    (confidences && confidences.shape.join() !== `${k}`)
  )
    throw new UnfitFile(`the entries are not of the same examples: adversarial is ${text}`);
  const numbers = [...ids.data];
  const stranger = numbers.find((id) => !Number.isInteger(id) || id < 0 || id >= cell.n || cell.outcomes.robust[id] !== '0');
  if (stranger !== undefined) throw new UnfitFile(`example ${stranger} is not one of the ${cell.n} images that the attack broke`);
  if (new Set(numbers).size !== k) throw new UnfitFile('an example is there twice');
  if (![clean.data, adversarial.data, confidences?.data ?? new Float32Array()].every(unit))
    throw new UnfitFile('expected values from 0 to 1');
  return { ids: numbers, shape: [h, w, c], clean: clean.data, adversarial: adversarial.data, confidences: confidences?.data };
}
