/** The methods page: what was measured on what, the definitions, the limits of this run, and one explanation per flag. */

import { FLAGS, meaningOf } from '../../records/flags.ts';
import { deviceOf } from '../../records/record.ts';
import { canonical } from '../../records/slug.ts';
import { worstCaseImages } from '../view/board-table.ts';
import { boardTitle, trainingPasses, type View } from '../view/view.ts';
import { boardHref, frame, type Site } from './views.ts';

/** Models named on the page as ones that can be checked. */
const NAMED = 5;

export function writeMethodsPage(site: Site): void {
  const { view } = site;
  const checkable = [...site.evidence.keys()];
  const raised = new Map<string, number>();
  const counted = new Set<string>();
  for (const row of view.boards.flatMap((b) => b.rows)) {
    for (const { flag, cell } of row.flags) {
      // A flag of a model stands on every board of its data set, and counts once.
      const id = canonical([row.model.record.key, cell?.key, flag]);
      if (!counted.has(id)) raised.set(flag.name, (raised.get(flag.name) ?? 0) + 1);
      counted.add(id);
    }
  }
  const names = [...new Set([...Object.keys(FLAGS), ...raised.keys()])].sort();
  const page = site.render('methods', {
    ...frame(site, '', 'Methods', 'How the numbers were made, what they mean, and what they cannot say', { current: 'methods' }),
    boards: view.boards.map((b) => ({ title: boardTitle(b), href: boardHref(view, b), text: boardText(view, b.id) })),
    attacks: view.attacks.map((a) => ({
      href: `attacks/${a.slug}.html`,
      label: a.label,
      title: a.attack.title,
      paper: a.attack.paper === 'none' ? '' : a.attack.paper,
    })),
    limits: limits(view),
    checkable: checkable.length > 0 && {
      first: checkable.slice(0, NAMED).map(({ name, slug }) => ({ name, href: `models/${slug}.html#check` })),
      more: Math.max(0, checkable.length - NAMED),
    },
    flags: names.map((name) => ({
      name,
      id: meaningOf(name) ? `flag-${name}` : '',
      title: meaningOf(name)?.title ?? 'A flag of a plug-in',
      text:
        meaningOf(name)?.text ?? 'Raised by a plug-in that this version of the site does not know; its detail stands where it was raised.',
      raised: raised.get(name) ?? 0,
    })),
  });
  site.files.add('methods.html', page);
}

function boardText(view: View, id: string): string {
  const board = view.boards.find((b) => b.id === id);
  const { dataset } = board ?? {};
  const images = board && worstCaseImages(board);
  return `${dataset?.name} version ${dataset?.version}, ${dataset?.classNames.length} classes; worst cases on ${images || 'no'} test images; contents ${dataset?.hash.slice(0, 12)}`;
}

/** Where times are of unlike devices. */
function deviceLimits(view: View): string[] {
  const trained = new Set(view.models.filter((m) => trainingPasses(m.record) > 0).map((m) => deviceOf(m.record.provenance)));
  const attacked = new Set(view.boards.flatMap((b) => b.rows.flatMap((r) => r.attackCost.devices)));
  const listed = (devices: ReadonlySet<string>) => [...devices].sort().join('; ');
  return [
    ...(trained.size > 1
      ? [
          `Models were trained on ${trained.size} devices (${listed(trained)}): compare passes and optimizer steps, not times. Ratios of times are given only where both are of the same device.`,
        ]
      : []),
    ...(attacked.size > 1
      ? [
          `Attacks ran on ${attacked.size} devices (${listed(attacked)}): compare their passes; a time says something on its own device alone.`,
        ]
      : []),
  ];
}

/** What these records cannot say, computed from them. */
function limits(view: View): string[] {
  const found: string[] = [];
  const rows = view.boards.flatMap((b) => b.rows);
  const least = Math.min(...rows.flatMap((r) => r.worst?.n ?? []));
  if (Number.isFinite(least)) {
    const half = 100 * 1.96 * Math.sqrt(0.25 / least);
    found.push(
      `The smallest worst case rests on ${least} test images: a 95 % interval reaches up to ${half.toFixed(1)} points to either side.`,
    );
  }
  const trained = view.models.filter((m) => m.record.defense.kind === 'training');
  if (trained.length > 0 && trained.every((m) => m.siblings.length === 1)) {
    found.push('Every model was trained with one seed: intervals and tests cover the choice of test images, not the luck of training.');
  }
  const train = [...new Set(trained.map((m) => m.record.dataset.train))].sort((a, b) => a - b);
  if (train.length > 0)
    found.push(`Models were trained on ${train.join(', ')} images; an order of defenses at this size need not hold at another.`);
  found.push(...deviceLimits(view));
  const failed = rows.flatMap((r) => [...r.cells.values()]).filter((c) => c.status === 'failed').length;
  if (failed > 0) found.push(`${failed} cells failed; their reasons are on the pages of their models.`);
  const without = view.boards.filter((b) => !b.attacks.some((a) => a.attack.role === 'ensemble'));
  if (without.length > 0)
    found.push(
      `No ensemble of attacks such as AutoAttack was run for ${without.map(boardTitle).join('; ')}: those robust accuracies are looser upper bounds.`,
    );
  return found;
}
