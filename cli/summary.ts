/** The final table of a run: what the leaderboard says, in text. */
import { deviceOf } from '../records/record.ts';
import { duration, percent } from '../reports/formats/format.ts';
import { rankText } from '../reports/view/ranking.ts';
import { type Board, boardTitle, cellText, imagesNote, isClean, type Row, trainingPasses, type View } from '../reports/view/view.ts';
import { bold, dim, table } from './output.ts';

/** One table per data set and threat model: clean, every attack, the worst case per example, and what training and attacks cost. */
export function summary({ boards }: View): string {
  return boards.map((board) => `${bold(boardTitle(board))}\n${boardTable(board)}${unlike(board)}`).join('\n\n');
}

/** A line where times of the table are of several devices. */
function unlike(board: Board): string {
  const devices = new Set(board.rows.flatMap(devicesOfRow));
  return devices.size > 1
    ? `\n${dim(`times are of ${devices.size} devices, and not to be compared: ${[...devices].sort().join('; ')}`)}`
    : '';
}

const devicesOfRow = ({ model: { record }, attackCost }: Row) => [
  ...(trainingPasses(record) > 0 ? [deviceOf(record.provenance)] : []),
  ...attackCost.devices,
];

function boardTable(board: Board): string {
  const attacks = board.attacks.filter((a) => !isClean(a));
  const corrupted = board.rows.some((row) => row.corruptions) ? ['corrupted'] : [];
  const head = ['model', 'rank', 'clean', ...attacks.map((a) => a.label), 'worst case', '95 %', ...corrupted, 'training', 'attacks'];
  const rows = board.rows.map((row) => [
    row.model.name,
    row.rank ? rankText(row.rank) : '-',
    row.clean ? cellText(row.clean, board) : '-',
    ...attacks.map((a) => {
      const cell = row.cells.get(a.id);
      return cell ? cellText(cell, board) : '-';
    }),
    ...worst(row, board),
    ...corrupted.map(() => (row.corruptions ? percent(row.corruptions.accuracy) : '-')),
    row.model.record.cost.wallMs > 0 ? duration(row.model.record.cost.wallMs) : '-',
    duration(row.attackCost.wallMs),
  ]);
  const numeric = new Set(head.map((_, i) => i).slice(1));
  return table(head, rows, numeric);
}

function worst({ worst: w }: Row, board: Board): [string, string] {
  return w
    ? [[percent(w.accuracy), imagesNote(w.n, board)].filter(Boolean).join(' '), `${percent(w.interval[0])}-${percent(w.interval[1])}`]
    : ['-', '-'];
}
