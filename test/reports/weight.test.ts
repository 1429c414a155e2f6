/** A board of 200 models under 12 attacks stays light: what a browser loads for it, without the gallery. */
import { expect, it } from 'vitest';
import { buildSite } from '../../reports/site.ts';
import { syntheticRecords } from './synthetic.ts';
import { ATTACKS } from './synthetic-plugins.ts';

it('weighs less than 500 kB', async () => {
  const attacks = ATTACKS.map((a) => a.label).filter((label) => label !== 'clean');
  expect(attacks).toHaveLength(12);
  const files = await buildSite(syntheticRecords({ models: 200, seeds: 2, n: 40, attacks }));
  const size = (path: string) => Buffer.byteLength(files.get(path) ?? '');
  const weight = ['index.html', 'assets/site.css', 'assets/board.js', 'assets/icon.svg'].reduce((sum, path) => sum + size(path), 0);
  expect(String(files.get('index.html')).match(/<tr/g)?.length).toBeGreaterThan(200);
  expect(weight).toBeLessThan(500_000);
  const compare = size('compare.html') + size('assets/compare.js') + size('assets/site.css');
  expect(compare).toBeLessThan(500_000);
});
