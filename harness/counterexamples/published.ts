/** Whether the points that a cell publishes are where its record says: inside of the box and of the ball around their originals. */
import { RampartError } from '../../errors.ts';
import { parseOriginals, parsePoints } from '../../records/published/images.ts';
import { type CellRecord, indicesOf, isInBall, type RampartRecord } from '../../records/record.ts';
import type { Store } from '../../records/store.ts';
import { tf } from '../../tensor/tf.ts';
import { checkBudget } from '../evaluate/checks.ts';

/** Tells `refuse` of every file of points, by its hash, that is not. What is not there is not looked at. */
export async function checkPublished(
  records: readonly RampartRecord[],
  store: Pick<Store, 'images'>,
  refuse: (hash: string, reason: string) => void,
): Promise<void> {
  for (const cell of records.filter(isInBall)) {
    const { originals, points } = cell.published ?? {};
    const [clean, moved] = [originals && (await store.images(originals)), points && (await store.images(points))];
    if (!clean || !moved || points === undefined) continue;
    try {
      await checkCell(cell, clean, moved);
    } catch (error) {
      if (!(error instanceof RampartError)) throw error;
      refuse(points, error.message);
    }
  }
}

async function checkCell(cell: CellRecord, clean: Uint8Array, moved: Uint8Array): Promise<void> {
  const { shape, pixels, indices } = parseOriginals(clean);
  const size = shape.reduce((a, b) => a * b, 1);
  const rows = new Map(indices.map((image, row) => [image, row]));
  const images = indicesOf(cell);
  const threat = cell.attack.bounded === false ? { ...cell.threat, eps: Number.POSITIVE_INFINITY } : cell.threat;
  for (const block of parsePoints(moved, cell)) {
    const origins = new Float32Array(block.pixels.length);
    const ids = block.ids.map((id) => images[id] as number);
    for (const [k, image] of ids.entries()) {
      const row = rows.get(image);
      if (row === undefined) throw new RampartError(`the original of image ${image} is not among those that the cell names`);
      origins.set(pixels.subarray(row * size, (row + 1) * size), k * size);
    }
    const [points, x] = [block.pixels, origins].map((values) => tf.tensor4d(values, [ids.length, ...block.shape])) as [
      tf.Tensor4D,
      tf.Tensor4D,
    ];
    try {
      await checkBudget(points, x, threat, { attack: cell.attack.label, ids: Int32Array.from(ids) });
    } finally {
      tf.dispose([points, x]);
    }
  }
}
