/** The outcome of every image under every attack on every model: what all ranks and worst cases are computed from. */

import type { CellRecord } from '../../records/record.ts';
import { type NpyArray, npz } from '../formats/npz.ts';
import type { Table, Value } from '../formats/table.ts';
import { allImages, labelsOn, outcomesOn } from './images.ts';
import { type Board, isDone } from './view.ts';

const VALUES: Readonly<Record<string, Value>> = { '1': 1, '0': 0, '-': null };

/** One line per model and image, one column per attack: 1 right, 0 wrong, empty where there is no result. */
export function outcomeTable(board: Board): Table {
  const rows: Value[][] = [];
  for (const row of board.rows) {
    const cells = board.attacks.map((a) => row.cells.get(a.id));
    const images = allImages(cells.filter(isDone));
    const labels = labelsOn(images, cells.filter(isDone));
    const outcomes = cells.map((c) => (isDone(c) ? outcomesOn(images, c) : ''));
    for (const [i, image] of images.entries())
      rows.push([
        row.model.name,
        row.model.record.defense.name,
        image,
        labels[i] ?? null,
        ...outcomes.map((o) => VALUES[o[i] ?? '-'] ?? null),
      ]);
  }
  return {
    name: 'outcomes',
    caption: 'Right (1) or wrong (0) after each attack, per model and image.',
    columns: [
      { key: 'model', title: 'Model', kind: 'text' },
      { key: 'defense', title: 'Defense', kind: 'text' },
      { key: 'image', title: 'Image', kind: 'count' },
      { key: 'label', title: 'Label', kind: 'count' },
      ...board.attacks.map((a) => ({ key: a.label, title: a.label, kind: 'count' as const })),
    ],
    rows,
  };
}

/**
 * The same for NumPy: `robust` int8 `[models, attacks, images]` with 1 right, 0 wrong, -1 no result; `labels` and `images` int32 `[images]`, the class and
 * the index in the test set; `models`, `keys` and `attacks` as text.
 */
export function outcomeArrays(board: Board): Uint8Array {
  const done = board.rows.map((row) => board.attacks.map((a) => row.cells.get(a.id)));
  const cells: CellRecord[] = done.flat().filter(isDone);
  const images = allImages(cells);
  const robust = new Int8Array(board.rows.length * board.attacks.length * images.length).fill(-1);
  for (const [place, cell] of done.flat().entries()) {
    if (!isDone(cell)) continue;
    const outcomes = outcomesOn(images, cell);
    for (let i = 0; i < images.length; i++) if (outcomes[i] !== '-') robust[place * images.length + i] = Number(outcomes[i]);
  }
  const text = (values: string[]): NpyArray => ({ kind: 'text', shape: [values.length], values });
  const numbers = (values: readonly number[]): NpyArray => ({ kind: 'int32', shape: [values.length], values: Int32Array.from(values) });
  return npz({
    robust: { kind: 'int8', shape: [board.rows.length, board.attacks.length, images.length], values: robust },
    images: numbers(images),
    labels: numbers(labelsOn(images, cells)),
    models: text(board.rows.map((r) => r.model.name)),
    keys: text(board.rows.map((r) => r.model.record.key)),
    attacks: text(board.attacks.map((a) => a.label)),
  });
}
