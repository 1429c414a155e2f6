/** "Attack it live": the page on which a reader attacks the models whose weights the site holds. */
import { figuresOf } from '../../browser/drawing.ts';
import { radius, size } from '../formats/format.ts';
import { CHECKER, carried, WEBGPU } from './check.ts';
import { attackable, frame, type Site } from './views.ts';

const TRY = 'try.html';

/** Attacks to choose from, with the parameters that the page asks for; the checker has them by these names. */
const ATTACKS = [
  { name: 'pgd', title: 'PGD', params: { steps: 20, restarts: 1 } },
  { name: 'fgsm', title: 'FGSM', params: {} },
  { name: 'apgd-ce', title: 'APGD on the cross-entropy', params: { iterations: 50, restarts: 1 } },
  { name: 'square', title: 'Square, by queries', params: { queries: 500, restarts: 1 } },
];

/** Where an attack can be tried by name. */
export const isTried = (attack: string) => ATTACKS.some(({ name }) => name === attack);

/** Written where there is a model to attack. */
export function writeTryPage(site: Site): void {
  const tried = attackable(site);
  if (tried.length === 0) return;
  const threat = site.view.boards[0]?.threat ?? { norm: 'Linf', eps: 8 / 255 };
  const page = site.render('try', {
    ...frame(site, '', 'Attack it live', 'Attacks of this site on its models, run in your browser', {
      current: 'try',
      scripts: ['checker-client.js', 'draw.js', 'try.js'],
      runs: true,
    }),
    checker: size(Buffer.byteLength(site.files.get(CHECKER) ?? '')),
    webgpu: size(Buffer.byteLength(site.files.get(WEBGPU) ?? '')),
    figures: tried.map(([{ record }]) => figuresOf(record.dataset.name)).find(({ length }) => length > 0),
    models: tried.map(([{ name, slug, record }, { index, weights = 0 }]) => ({
      name,
      slug,
      index: JSON.stringify(index),
      size: carried(weights),
      drawn: figuresOf(record.dataset.name).length > 0,
    })),
    attacks: ATTACKS.map(({ name, title, params }) => ({ name, title, params: JSON.stringify(params) })),
    norms: ['Linf', 'L2', 'L1'].map((name) => ({ name, chosen: name === threat.norm })),
    eps: radius(threat.eps),
  });
  site.files.add(TRY, page);
}
