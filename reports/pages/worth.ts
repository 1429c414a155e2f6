/** What robustness costs, on the page of a board: sentences, the table of cheapest ways, and curves along training. */
import type { Chart } from '../charts/frame.ts';
import { worthChart } from '../charts/worth.ts';
import { narrow } from '../formats/table.ts';
import type { Board } from '../view/view.ts';
import { computeBuys } from '../view/worth/answer.ts';
import { cheapestTable } from '../view/worth/cheapest.ts';
import { worthOf } from '../view/worth/options.ts';
import { chartView, type Site, tableRows, tableView } from './views.ts';

export function worthPart(site: Site, board: Board, dir: string) {
  const buys = computeBuys(board).join(' ');
  const worth = worthOf(board, site.view.points);
  if (!worth) return { buys };
  const table = cheapestTable(board, worth, site.prices);
  if (table.rows.length === 0) return { buys };
  const { files } = tableView(site, dir, table, '');
  const chart = worthChart(board, worth, site.colours, 'passes');
  return {
    buys,
    worth: { table: { ...tableRows(narrow(table)), files }, curve: worth.attacks?.join(', '), chart: chart && chartView(site, chart, '') },
  };
}

/** The same curves by time, where that may be compared. */
export function timeChart(site: Site, board: Board): Chart | undefined {
  const worth = worthOf(board, site.view.points);
  return worth && worthChart(board, worth, site.colours, 'time');
}
