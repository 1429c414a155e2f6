/** The outcome of every image under every attack on every model: what all ranks and worst cases are computed from. */

import { type NpyArray, npz } from '../formats/npz.ts';
import type { Table, Value } from '../formats/table.ts';
import type { Board } from './leaderboard.ts';

/** One line per model and image, one column per attack: 1 right, 0 wrong, empty where there is no result. */
export function outcomeTable(board: Board): Table {
  const rows: Value[][] = [];
  for (const row of board.rows) {
    const cells = board.attacks.map((a) => row.cells.get(a.id)).map((c) => (c?.status === 'done' ? c : undefined));
    const longest = cells.reduce((best, c) => (c && c.n > (best?.n ?? 0) ? c : best), undefined);
    for (let i = 0; i < (longest?.n ?? 0); i++) {
      const values = cells.map((c): Value => (c && i < c.n ? (c.outcomes.robust.charCodeAt(i) === 49 ? 1 : 0) : null));
      rows.push([row.model.name, row.model.record.defense.name, i, longest?.outcomes.labels[i] ?? null, ...values]);
    }
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
 * The same for NumPy: `robust` int8 `[models, attacks, images]` with 1 right, 0 wrong, -1 no result; `labels` int32 `[images]`;
 * `models`, `keys` and `attacks` as text.
 */
export function outcomeArrays(board: Board): Uint8Array {
  const done = board.rows.map((row) => board.attacks.map((a) => row.cells.get(a.id)).map((c) => (c?.status === 'done' ? c : undefined)));
  const images = Math.max(0, ...done.flat().map((c) => c?.n ?? 0));
  const robust = new Int8Array(board.rows.length * board.attacks.length * images).fill(-1);
  for (const [m, cells] of done.entries()) {
    for (const [a, cell] of cells.entries()) {
      const base = (m * board.attacks.length + a) * images;
      for (let i = 0; i < (cell?.n ?? 0); i++) robust[base + i] = cell?.outcomes.robust.charCodeAt(i) === 49 ? 1 : 0;
    }
  }
  const longest = done.flat().reduce((best, c) => (c && c.n > (best?.n ?? 0) ? c : best), undefined);
  const text = (values: string[]): NpyArray => ({ kind: 'text', shape: [values.length], values });
  return npz({
    robust: { kind: 'int8', shape: [board.rows.length, board.attacks.length, images], values: robust },
    labels: { kind: 'int32', shape: [longest?.n ?? 0], values: Int32Array.from(longest?.outcomes.labels ?? []) },
    models: text(board.rows.map((r) => r.model.name)),
    keys: text(board.rows.map((r) => r.model.record.key)),
    attacks: text(board.attacks.map((a) => a.label)),
  });
}
