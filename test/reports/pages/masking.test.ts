/** The masking report on the page of a model. */
import { beforeAll, expect, test } from 'vitest';
import type { Measured } from '../../../records/masking/diagnosis.ts';
import type { RampartRecord } from '../../../records/record.ts';
import type { Files } from '../../../reports/formats/files.ts';
import { buildSite } from '../../../reports/site.ts';
import { parseCsv } from '../formats/parse-csv.ts';
import { syntheticRecords } from '../synthetic.ts';

const AT = [-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1];

/** Of 20 images, of which a step along the gradient misleads on `overtaken`. */
const diagnosis = (overtaken: number): Measured => ({
  status: 'done',
  images: Array.from({ length: 20 }, (_, i) => i),
  threat: { norm: 'Linf', eps: 8 / 255 },
  standIn: false,
  declaredRandom: false,
  gradients: { losses: { margin: { zero: 0, vanishing: 0 } }, resolution: 1e-7 },
  repeats: { passes: 4, spread: 0, changed: 0 },
  lines: { at: [0, 0.25, 0.5, 1, 2], gradient: [-0.5, -0.25, 0, 0.25, 0.5], random: [-0.5, -0.5, -0.49, -0.48, -0.45], overtaken },
  surfaces: [{ image: 7, at: AT, values: AT.map((a) => AT.map((b) => a / 2 - 0.25 + b / 100)) }],
  passes: { forward: 3210, backward: 640 },
  wallMs: 4200,
});

let files: Files;
const [first, second, third] = ['standard', 'pgd-at', 'trades'];
const pageOf = (name: string) => String(files.get(`models/${name}.html`));

beforeAll(async () => {
  const records = syntheticRecords({ models: 3, n: 40, attacks: ['pgd'], threats: [{ norm: 'Linf', eps: 8 / 255 }] });
  const of = (record: RampartRecord): Partial<Extract<RampartRecord, { kind: 'cell' }>> => {
    if (record.kind !== 'cell' || record.attack.name !== 'clean') return {};
    if (record.model.name === first) return { diagnosis: diagnosis(0) };
    return record.model.name === second ? { diagnosis: diagnosis(10) } : {};
  };
  files = await buildSite(
    records.map((record) => ({ ...record, ...of(record) }) as RampartRecord),
    { title: 'T' },
  );
});

test('an honest model has its verdict, every check with its limit, and what the diagnosis cost', () => {
  const page = pageOf(first as string);
  expect(page).toContain('Verdict: <strong>no sign</strong>');
  expect(page).toContain('20 images, 3.21 k forward and 640 backward passes, 4.2 s, counted with no attack');
  const [head, ...rows] = parseCsv(String(files.get(`models/${first}/masking.csv`)));
  expect(head).toEqual(['check', 'verdict', 'measured', 'limit', 'source']);
  const row = rows.find(([check]) => check === 'misleading-gradient');
  expect(row?.[1]).toBe('no sign');
  expect(row?.[2]).toContain('on 0 of 20 images');
  expect(row?.[3]).toBe('over 10 % of the images; unreliable from half of them on');
  expect(page).toContain('href="../methods.html#flag-misleading-gradient"');
});

test('the landscape is drawn, and its figures are there', () => {
  const margins = parseCsv(String(files.get(`charts/model-${first}-margins.csv`)));
  expect(margins).toContainEqual(['along the gradient', '1', '0.25']);
  expect(margins).toContainEqual(['random direction', '2', '-0.45']);
  const plane = parseCsv(String(files.get(`charts/model-${first}-landscape.csv`)));
  expect(plane).toHaveLength(1 + 81);
  expect(plane).toContainEqual(['7', '0', '0', '-0.25']);
  const svg = String(files.get(`charts/model-${first}-landscape.svg`));
  expect(svg.match(/<rect/g)?.length).toBeGreaterThanOrEqual(81);
});

test('an unreliable model says so, is not ranked and is flagged', () => {
  const page = pageOf(second as string);
  expect(page).toContain('<p class="warn">Verdict: <strong>unreliable</strong>');
  expect(page).toContain('not ranked: its gradients are no ground for a figure: misleading-gradient');
  expect(page).not.toContain('<dt>Rank</dt>');
});

test('a model of which nothing was looked at has no report', () => {
  expect(pageOf(third as string)).not.toContain('id="masking"');
});
