/** The masking report on the page of a model: the verdict, every check with what it measured, and the landscape. */
import { LIMITS_TOLD } from '../../records/masking/checks.ts';
import { lineOfMargins, surfaceOfMargins } from '../charts/landscape.ts';
import { compact, duration } from '../formats/format.ts';
import type { Table } from '../formats/table.ts';
import { type Masking, VERDICTS } from '../view/masking/masking.ts';
import type { ModelView } from '../view/view.ts';
import { chartView, type Site, tableView } from './views.ts';

/** Undefined where nothing was looked at. */
export function maskingPart(site: Site, { name, slug }: ModelView, masking: Masking, dir: string) {
  const { verdict, diagnosis, why, findings } = masking;
  if (findings.length === 0) return undefined;
  const charts = diagnosis ? [lineOfMargins, surfaceOfMargins].flatMap((draw) => draw(diagnosis, name, `model-${slug}`) ?? []) : [];
  return {
    verdict: VERDICTS[verdict],
    warn: verdict === 'unreliable',
    cost: diagnosis
      ? `${diagnosis.images.length} images, ${compact(diagnosis.passes.forward)} forward and ${compact(diagnosis.passes.backward)} backward passes, ${duration(diagnosis.wallMs)}, counted with no attack`
      : undefined,
    why,
    table: tableView(site, dir, findingsTable(masking, name), '../', (row, column) =>
      column === 0 ? `../methods.html#flag-${findings[row]?.check}` : undefined,
    ),
    charts: charts.map((chart) => chartView(site, chart, '../')),
  };
}

function findingsTable({ findings }: Masking, name: string): Table {
  return {
    name: 'masking',
    caption: `Signs of masked gradients looked for: ${name}`,
    columns: [
      { key: 'check', title: 'Check', kind: 'text' },
      { key: 'verdict', title: 'Says', kind: 'text' },
      { key: 'measured', title: 'Measured', kind: 'text', wide: true },
      { key: 'limit', title: 'A sign', kind: 'text', wide: true },
      { key: 'source', title: 'Where', kind: 'text' },
    ],
    rows: findings.map(({ check, outcome, measured, source }) => [check, VERDICTS[outcome], measured, LIMITS_TOLD[check] ?? '', source]),
  };
}
