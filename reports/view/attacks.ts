/** The attacks of a site, in one order. */
import type { CellRecord } from '../../records/record.ts';
import { canonical, uniqueSlugs } from '../../records/slug.ts';
import { mean } from '../../records/stats.ts';
import type { AttackView } from './view.ts';

export const attackId = (cell: CellRecord) =>
  canonical([
    cell.attack.label,
    cell.attack.name,
    cell.attack.version,
    cell.attack.params,
    // as it was before there were any, where there is none
    ...(cell.attack.budget === undefined ? [] : [cell.attack.budget]),
  ]);

const ACCESS_ORDER: readonly CellRecord['attack']['access'][] = ['none', 'transfer', 'decision', 'scores', 'gradient'];

/** No attack, then baselines, single attacks and ensembles; among these by what the attacker may ask, then by how strong it was. */
function placeOf({ access, role }: CellRecord['attack']): number {
  const kind = access === 'none' ? 0 : role === 'baseline' ? 1 : role === undefined ? 2 : 3;
  return kind * ACCESS_ORDER.length + ACCESS_ORDER.indexOf(access);
}

export function viewAttacks(cells: readonly CellRecord[]): AttackView[] {
  const byId = new Map<string, CellRecord[]>();
  for (const cell of cells) byId.set(attackId(cell), [...(byId.get(attackId(cell)) ?? []), cell]);
  const found = [...byId].map(([id, list]) => {
    const done = list.filter((c) => c.status === 'done');
    const attack = (list[0] as CellRecord).attack;
    return { id, attack, strength: done.length > 0 ? mean(done.map((c) => c.accuracy)) : 0 };
  });
  found.sort((a, b) => placeOf(a.attack) - placeOf(b.attack) || b.strength - a.strength || (a.id < b.id ? -1 : 1));
  const seen = new Map<string, number>();
  const labels = found.map(({ attack }) => {
    const count = (seen.get(attack.label) ?? 0) + 1;
    seen.set(attack.label, count);
    return count === 1 ? attack.label : `${attack.label} (${count})`;
  });
  const slugs = uniqueSlugs(
    labels,
    found.map((f) => f.id),
  );
  return found.map(({ id, attack }, i) => ({ id, attack, label: labels[i] as string, slug: slugs[i] as string }));
}
