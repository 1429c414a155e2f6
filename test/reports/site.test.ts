/** The site as files: complete, the same every time, and nothing but text from the records. */
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FolderStore } from '../../records/folder-store.ts';
import { isInBall, type RampartRecord } from '../../records/record.ts';
import type { Files } from '../../reports/formats/files.ts';
import { panels } from '../../reports/pages/gallery.ts';
import { buildSite, writeSite } from '../../reports/site.ts';
import { parseCsv } from './formats/parse-csv.ts';
import { hostileNames } from './hostile.ts';
import { syntheticRecords } from './synthetic.ts';

let folder: string;
let files: Files;
const records = syntheticRecords({
  models: 8,
  n: 120,
  attacks: ['noise', 'fgsm', 'pgd', 'square', 'transfer', 'autoattack'],
  threats: [
    { norm: 'Linf', eps: 8 / 255 },
    { norm: 'Linf', eps: 4 / 255 },
    { norm: 'L2', eps: 0.5 },
  ],
  failing: [['mart', 'square']],
});
const text = (path: string) => String(files.get(path));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rampart-site-'));
  files = await buildSite(records, { title: 'A title' });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a site', () => {
  it('says above every board what the suite says of itself, as text, and nothing where it says nothing', async () => {
    const described = await buildSite(records, { description: 'What is different here: <b>nothing</b>' });
    const boards = [...described.paths()].filter((path) => /^(index|board-.*)\.html$/.test(path));
    expect(boards.length).toBeGreaterThan(1);
    for (const path of boards) {
      expect(String(described.get(path))).toContain('<p class="about"><bdi>What is different here: &lt;b&gt;nothing&lt;/b&gt;</bdi></p>');
      expect(text(path)).not.toContain('class="about"');
    }
  });

  it('is the same bytes from the same records in any order', async () => {
    const again = await buildSite([...records].reverse(), { title: 'A title' });
    expect(again.paths()).toEqual(files.paths());
    for (const path of files.paths()) expect(Buffer.from(again.get(path) ?? '').equals(Buffer.from(files.get(path) ?? ''))).toBe(true);
  });

  it('links only to files that it has, and to anchors that are there', () => {
    const missing: string[] = [];
    for (const path of files.paths().filter((p) => p.endsWith('.html'))) {
      for (const [, link = ''] of text(path).matchAll(/(?:href|src)="([^"]*)"/g)) {
        const url = new URL(link.replaceAll('&#x3D;', '=').replaceAll('&amp;', '&'), `http://site/${path}`);
        const target = url.pathname.slice(1);
        if (target === 'MANIFEST') continue;
        if (files.get(target) === undefined) missing.push(`${path}: ${link}`);
        else if (url.hash && !url.hash.includes('=') && !text(target).includes(`id="${url.hash.slice(1)}"`))
          missing.push(`${path}: ${link}`);
      }
    }
    expect(missing).toEqual([]);
  });

  it('asks nothing of the network', () => {
    for (const path of files.paths().filter((p) => /\.(html|css|js)$/.test(p))) {
      expect(text(path).replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(
        /(?:src|href)="https?:|@import|url\(|fetch\(|XMLHttpRequest/,
      );
    }
  });

  it('links every accuracy of the table to the section of the model that holds its record', () => {
    const page = text('index.html');
    const [, href = ''] = /<td><a href="([^"]+)">\d+\.\d<\/a><\/td>/.exec(page) ?? [];
    const [path = '', anchor] = href.split('#');
    const row = new RegExp(`<tr id="${anchor}">.*?</tr>`).exec(text(path))?.[0] ?? '';
    const [, record = ''] = /href="\.\.\/(records\/cells\/[0-9a-f]+\.json)"/.exec(row) ?? [];
    const cell = JSON.parse(text(record));
    expect(page).toContain(`<a href="${href}">${(100 * cell.accuracy).toFixed(1)}</a>`);
    expect(cell.outcomes.robust).toHaveLength(120);
  });

  it('puts the worst case per image, its interval and its rank into the CSV', () => {
    const [header = [], ...rows] = parseCsv(text('downloads/cifar10-linf-8-255/leaderboard.csv'));
    const row = rows.find((r) => r[header.indexOf('model')] === 'trades') ?? [];
    const cells = records.filter((r) => isInBall(r) && r.model.name === 'trades' && r.threat.norm === 'Linf' && r.threat.eps === 8 / 255);
    let right = 0;
    for (let i = 0; i < 120; i++) if (cells.every((c) => c.kind === 'cell' && c.outcomes.robust[i] === '1')) right++;
    expect(Number(row[header.indexOf('worst_case')])).toBeCloseTo(right / 120, 12);
    expect(Number(row[header.indexOf('n')])).toBe(120);
    expect(rows).toHaveLength(8);
  });

  it('does not rank a model whose attack failed, and says why', () => {
    const [header = [], ...rows] = parseCsv(text('downloads/cifar10-linf-8-255/leaderboard.csv'));
    const last = rows[rows.length - 1] ?? [];
    expect(last[header.indexOf('model')]).toBe('mart');
    expect(last[header.indexOf('rank')]).toBe('');
    expect(text('index.html')).toContain('not ranked: no result of square');
    expect(text('index.html')).toContain('worker killed by the system');
  });

  it('gives the clean accuracy on every board though it was measured once', () => {
    for (const board of ['cifar10-linf-8-255', 'cifar10-linf-4-255', 'cifar10-l2-0-5']) {
      const [header = [], ...rows] = parseCsv(text(`downloads/${board}/leaderboard.csv`));
      for (const row of rows) expect(row[header.indexOf('clean')]).toMatch(/^(1|0\.\d+)$/);
    }
  });

  it('draws a security curve where an attack ran at two radii', () => {
    const rows = parseCsv(text('charts/cifar10-linf-8-255-security-pgd.csv')).filter((r) => r[0] === 'trades');
    expect(rows.map((r) => Number(r[1]))).toEqual([0, 4 / 255, 8 / 255]);
    const accuracy = rows.map((r) => Number(r[2]));
    expect(accuracy).toEqual([...accuracy].sort((a, b) => b - a));
  });

  it('refers to the papers of the methods used, each once', () => {
    const bib = text('downloads/references.bib');
    expect(bib.match(/@inproceedings\{croce2020reliable,/g)).toHaveLength(1);
    expect(bib).toContain('@misc{hotegni2024morel,');
    expect(bib).toContain('@inproceedings{wang2020improving,');
    expect(bib).toContain('  eprint = {1901.08573},\n  archivePrefix = {arXiv},\n');
    expect(bib.match(/^@/gm)?.length).toBe(new Set(bib.match(/^@\w+\{([^,]+)/gm)).size);
  });

  it('refuses a cell whose model has no record', async () => {
    const orphan = records.filter((r) => r.kind === 'cell').slice(0, 1);
    await expect(buildSite(orphan)).rejects.toThrow(/belongs to model [0-9a-f]+ \("standard"\), which has no record/);
  });

  it('of no records says so', async () => {
    const empty = await buildSite([]);
    expect(String(empty.get('index.html'))).toContain('No records yet');
  });
});

describe('hostile names', () => {
  it('are text in every file', async () => {
    const hostile = await buildSite(syntheticRecords({ models: 8, n: 40, attacks: ['pgd', 'square'], rename: hostileNames(), seeds: 2 }), {
      title: '<script>window.hacked=1</script>',
    });
    expect(hostile.paths().map((path) => path.replace(/.*\./, ''))).toEqual(
      expect.arrayContaining(['html', 'svg', 'csv', 'tex', 'md', 'js']),
    );
    for (const path of hostile.paths()) {
      const content = String(hostile.get(path));
      if (path.endsWith('.html') || path.endsWith('.svg')) {
        const tags = content.match(/<\/?[a-z!?][^>]*>/gi) ?? [];
        expect(tags.filter((t) => /onerror|<script>|<img src=x/i.test(t.replace(/&[a-z#0-9]+;/gi, '').replace(/"[^"]*"/g, '""')))).toEqual(
          [],
        );
        expect(content).not.toContain('<script>window');
      }
      if (path.endsWith('.csv')) for (const row of parseCsv(content)) for (const field of row) expect(field).not.toMatch(/^[=+@\t\r]/);
      if (path.endsWith('.tex')) expect(content).not.toContain('\\input{');
      // nothing but the ends of fields and entries closes a brace
      if (path.endsWith('.bib'))
        for (const line of content.split('\n'))
          expect(line).toMatch(/^(@[a-z]+\{[\w:-]+,| {2}\w+ = \{{1,2}[^{}\\]*(\\[$&#%_a-z][^{}\\]*)*\}{1,2},|\}|)$/);
      if (path.endsWith('.md')) expect(content).not.toContain('<script>');
      if (/^data\/.*\.js$/.test(path)) expect(content).not.toContain('<');
    }
  });
});

describe('writing', () => {
  it('writes what was built, with a manifest that checks, and takes away what an earlier site left', async () => {
    const out = join(folder, 'out');
    await writeSite(records, out);
    const fewer: RampartRecord[] = records.filter((r) => (r.kind === 'model' ? r.name : r.model.name) !== 'morel');
    await writeFile(join(out, 'mine.txt'), 'kept');
    await writeSite(fewer, out);
    expect(await readdir(join(out, 'models'))).not.toContain('morel.html');
    expect(await readFile(join(out, 'mine.txt'), 'utf8')).toBe('kept');
    for (const line of (await readFile(join(out, 'MANIFEST'), 'utf8')).trim().split('\n').slice(0, 50)) {
      const [hash, path = ''] = line.split('  ');
      expect(
        createHash('sha256')
          .update(await readFile(join(out, path)))
          .digest('hex'),
      ).toBe(hash);
    }
  });

  it('says what cannot be written and what to do', async () => {
    await writeFile(join(folder, 'a-file'), '');
    await expect(writeSite(records, join(folder, 'a-file', 'site'))).rejects.toThrow(
      /cannot write the site to .*choose a folder that can be written with --out/,
    );
  });
});

describe('the gallery', () => {
  it('shows image, scaled perturbation and adversarial image side by side', () => {
    const clean = Float32Array.from([0, 0.5, 1, 0.2]);
    const adversarial = Float32Array.from([0.1, 0.4, 1, 0.2]);
    const png = PNG.sync.read(panels(clean, adversarial, [2, 2, 1]));
    expect([png.width, png.height]).toEqual([10, 2]);
    const grey = (x: number, y: number) => png.data[4 * (y * 10 + x)];
    expect([grey(0, 0), grey(1, 0), grey(0, 1), grey(1, 1)]).toEqual([0, 128, 255, 51]);
    // The largest change, 0.1, spans half the range around grey.
    expect([grey(4, 0), grey(5, 0), grey(4, 1)]).toEqual([255, 0, 128]);
    expect([grey(8, 0), grey(9, 0)]).toEqual([26, 102]);
    expect(png.data[4 * 2 + 3]).toBe(0);
  });

  it('is made from the examples that a run kept, with labels and confidences', async () => {
    const cell = records.find(
      (r) => r.kind === 'cell' && r.model.name === 'trades' && r.attack.label === 'pgd' && r.outcomes.robust.includes('0'),
    );
    if (cell?.kind !== 'cell') throw new Error('no broken example in the synthetic records');
    const id = cell.outcomes.robust.indexOf('0');
    const image = (value: number) => ({ shape: [1, 2, 2, 3], data: new Float32Array(12).fill(value) });
    const store = new FolderStore(join(folder, 'run'));
    await store.writeExamples(
      cell.key,
      new Map([
        ['ids', { shape: [1], data: Float32Array.from([id]) }],
        ['clean', image(0.5)],
        ['adversarial', image(0.53)],
        ['confidences', { shape: [1], data: Float32Array.from([0.875]) }],
      ]),
    );
    // the cell is of the images 7, 8 ...: an example's place among the outcomes is not its image
    const moved = records.map((r) => (r === cell ? { ...cell, indices: cell.outcomes.labels.map((_, i) => 7 + i) } : r));
    const site = await buildSite(moved, { examples: (c) => store.examples(c) });
    const page = String(site.get('models/trades.html'));
    expect(page).toContain(`src="../gallery/${cell.key}-${id + 7}.png"`);
    expect(page).toContain(`image ${id + 7},`);
    expect(page).toContain('(88 %)');
    expect(PNG.sync.read(Buffer.from(site.get(`gallery/${cell.key}-${id + 7}.png`) as Uint8Array)).width).toBe(10);
  });
});
