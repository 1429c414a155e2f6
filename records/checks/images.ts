/** Checks the published images of a folder that several people add to. */
import { PATHS, placeAt } from '../paths.ts';
import { asHashed, LIMITS, readPlain, UnfitFile } from '../plain-file.ts';
import { type Originals, parseOriginals, parsePoints } from '../published/images.ts';
import { type CellRecord, indicesOf } from '../record.ts';
import { type Found, orRefuse, type Refuse } from './refusal.ts';

/** Every file of images must be one that a cell names, and what that cell says of it. */
export async function checkImages(dir: string, files: readonly string[], cells: readonly Found<CellRecord>[], refuse: Refuse) {
  const named = new Map<string, { as: 'originals' | 'points'; cell: CellRecord }[]>();
  for (const { record } of cells)
    for (const as of ['originals', 'points'] as const) {
      const hash = record.published?.[as];
      if (hash !== undefined) named.set(hash, [...(named.get(hash) ?? []), { as, cell: record }]);
    }
  const here = new Set(files);
  for (const file of files) {
    const place = placeAt(file);
    if (place?.is !== 'images') continue;
    await orRefuse(file, refuse, async () => {
      const uses = named.get(place.id);
      if (!uses) throw new UnfitFile('no images of a cell that is here');
      const bytes = asHashed(await readPlain(dir, file, LIMITS.examples), place.id);
      for (const { as, cell } of uses)
        if (as === 'originals') checkOriginals(parseOriginals(bytes), cell);
        else await checkPoints(dir, bytes, cell, here);
    });
  }
}

function checkOriginals({ indices }: Originals, cell: CellRecord): void {
  const expected = indicesOf(cell).slice(0, cell.published?.images);
  if (indices.join() !== expected.join()) throw new UnfitFile(`expected the first ${expected.length} images of cell ${cell.key}`);
}

async function checkPoints(dir: string, bytes: Uint8Array, cell: CellRecord, here: ReadonlySet<string>): Promise<void> {
  const { images, originals } = cell.published as NonNullable<CellRecord['published']>;
  const blocks = parsePoints(bytes, cell);
  const outside = blocks.flatMap(({ ids }) => ids).find((id) => id >= images);
  if (outside !== undefined) throw new UnfitFile(`image ${outside} is not one of the first ${images}`);
  const path = PATHS.images(originals);
  if (!here.has(path)) throw new UnfitFile(`the originals of its images, ${path}, are not here`);
  const { shape } = parseOriginals(await readPlain(dir, path, LIMITS.examples));
  const other = blocks.find((block) => block.shape.join() !== shape.join());
  if (other) throw new UnfitFile(`expected images of the shape [${shape.join(', ')}] of their originals, got [${other.shape.join(', ')}]`);
}
