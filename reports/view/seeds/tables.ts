/** The defenses of a board as tables: a row each, and a row per pair. */
import { interval, percent, radius } from '../../formats/format.ts';
import type { Table } from '../../formats/table.ts';
import { rankText } from '../ranking.ts';
import { type Board, type DefenseRow, type Row, tuningText } from '../view.ts';
import { type DefensePair, differs } from './compare.ts';
import { pairOf } from './rows.ts';

const threatText = ({ dataset, threat }: Board) => `${dataset.name} at ${threat.norm} ${radius(threat.eps)}`;

/** `3`, or `1: images only` where nothing is known of other seeds. */
const seedsText = ({ rows }: DefenseRow) => (rows.length > 1 ? String(rows.length) : '1 seed: images only');

/** `1.2 [−0.5 to 2.9]`, in points. */
export function differenceText({ difference, interval: [low, high] }: DefensePair): string {
  const points = (x: number) => percent(x).replace('-', '−');
  return `${points(difference)} [${points(low)} to ${points(high)}]`;
}

/** A row per defense, the most robust first. */
export function defenseTable(board: Board): Table {
  const tuned = board.defenses.some(({ rows }) => rows.some((r) => r.model.record.tuning));
  return {
    name: 'defenses',
    caption: `Robust accuracy of defenses in percent on ${threatText(board)}: worst case over all attacks, mean over seeds, with a 95 % interval over seeds and images.`,
    columns: [
      { key: 'defense', title: 'Defense', kind: 'text' },
      { key: 'rank', title: 'Rank', kind: 'text' },
      { key: 'worst_case', title: 'Worst case', kind: 'accuracy' },
      { key: 'interval', title: '95 %', kind: 'text' },
      { key: 'low', title: 'Low', kind: 'accuracy', wide: true },
      { key: 'high', title: 'High', kind: 'accuracy', wide: true },
      { key: 'seeds', title: 'Seeds', kind: 'text' },
      { key: 'deviation', title: 'Deviation over seeds', kind: 'accuracy' },
      { key: 'behind', title: 'First minus this', kind: 'text' },
      { key: 'clean', title: 'Clean', kind: 'accuracy' },
      { key: 'training_ratio', title: 'Training ×', kind: 'number' },
      ...(tuned ? [{ key: 'tuning', title: 'Tuning', kind: 'text' } as const] : []),
    ],
    rows: board.defenses.map((d, i) => {
      const pair = i === 0 ? undefined : pairOf(board.defensePairs, 0, i);
      return [
        d.name,
        rankText(d.rank),
        d.accuracy,
        interval(d.interval),
        ...d.interval,
        seedsText(d),
        d.seeds?.deviation ?? null,
        pair ? differenceText(pair) : null,
        d.clean ?? null,
        d.ratio === undefined ? null : Number(d.ratio.toFixed(1)),
        ...(tuned ? [tuningText((d.rows[0] as Row).model.record) ?? null] : []),
      ];
    }),
  };
}

/** A row per pair of defenses, with what separates them. */
export function pairTable(board: Board): Table {
  const name = (i: number) => board.defenses[i]?.name ?? '';
  return {
    name: 'defense-pairs',
    caption: `Differences between defenses in percent on ${threatText(board)}, paired by seed and image, with 95 % intervals; p before and after Holm's correction over all pairs`,
    columns: [
      { key: 'defense', title: 'Defense', kind: 'text' },
      { key: 'against', title: 'Against', kind: 'text' },
      { key: 'seeds', title: 'Pairs of seeds', kind: 'count' },
      { key: 'difference', title: 'Difference', kind: 'accuracy' },
      { key: 'low', title: 'Low', kind: 'accuracy' },
      { key: 'high', title: 'High', kind: 'accuracy' },
      { key: 'p', title: 'p', kind: 'number' },
      { key: 'p_holm', title: 'p, Holm', kind: 'number' },
      { key: 'separated', title: 'Told apart', kind: 'text' },
    ],
    rows: board.defensePairs.map((p) => [name(p.i), name(p.j), p.seeds, p.difference, ...p.interval, p.p, p.adjusted, differs(p)]),
  };
}
