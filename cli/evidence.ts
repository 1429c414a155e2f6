/** What the site holds of a model so that a reader can check it, from what its run kept. */
import { RampartError } from '../errors.ts';
import { normalizationOf } from '../harness/suite/recipe.ts';
import type { EvidenceSource, ImageBlock } from '../records/evidence/write.ts';
import { type Block, type Originals, type PointBlock, parseOriginals, parsePoints } from '../records/published/images.ts';
import { type CellRecord, indicesOf, isInBall, type ModelRecord, type RampartRecord } from '../records/record.ts';
import { canonical } from '../records/slug.ts';
import type { Store } from '../records/store.ts';
import { printError } from './output.ts';

/** Of a model; undefined where nothing was published of it, or where the page has no graph to run it by. `weights` says whether its weights are published. */
export function evidenceOf(
  records: readonly RampartRecord[],
  store: Pick<Store, 'images' | 'artifact'>,
  weights: boolean,
): (model: ModelRecord) => Promise<EvidenceSource | undefined> {
  const cells = records.filter(isInBall).filter((cell) => cell.status === 'done' && cell.published !== undefined);
  return async (model) => {
    try {
      return await sourceOf(model);
    } catch (error) {
      if (!(error instanceof RampartError)) throw error;
      printError(`what ${model.name} publishes is left out: ${error.message}`);
      return undefined;
    }
  };

  async function sourceOf(model: ModelRecord): Promise<EvidenceSource | undefined> {
    const own = cells.filter((cell) => cell.model.key === model.key);
    if (model.status !== 'done' || model.wraps !== undefined || model.outside || model.imported?.kind === 'torchscript') return undefined;
    const originals = await originalsOf(own, store);
    const [first] = originals;
    if (!first) return undefined;
    const { mean, std } = model.imported?.normalization ?? normalizationOf(first, model.recipe.normalize);
    const file = weights && isPlain(model) ? await store.artifact(model.weightsHash) : undefined;
    return {
      ...(file && { weights: file }),
      normalization: { mean, std },
      inputShape: first.shape,
      originals: originals.map((block) => ({ ...asImages(block), indices: block.indices })),
      cells: await withPoints(own, new Set(originals.flatMap(({ indices }) => indices)), store),
    };
  }
}

/** Whether its file is one of our own, or safetensors as it was brought. */
const isPlain = ({ imported }: ModelRecord) => imported === undefined || imported.file.endsWith('.safetensors');

const DTYPES = { u8: 'U8', f16: 'F16', f32: 'F32' } as const;

const asImages = ({ encoding, shape, pixels }: Block): ImageBlock => ({ dtype: DTYPES[encoding], shape, pixels });

/** Every original of the cells once, the longest files first. */
async function originalsOf(cells: readonly CellRecord[], store: Pick<Store, 'images'>): Promise<Originals[]> {
  const hashes = [...new Set(cells.flatMap(({ published }) => published?.originals ?? []))].sort();
  const files = await Promise.all(hashes.map((hash) => store.images(hash)));
  const all = files.flatMap((bytes) => (bytes ? [parseOriginals(bytes)] : [])).sort((a, b) => b.indices.length - a.indices.length);
  const held = new Set<number>();
  return all.flatMap((block) => {
    const rows = block.indices.flatMap((index, row) => (held.has(index) ? [] : [row]));
    for (const row of rows) held.add(block.indices[row] as number);
    return rows.length > 0 ? [{ ...block, ...rowsOf(block, rows), indices: rows.map((row) => block.indices[row] as number) }] : [];
  });
}

function rowsOf<B extends Block>(block: B, rows: readonly number[]): Pick<B, 'encoding' | 'shape' | 'pixels'> {
  const { encoding, shape, pixels } = block;
  const size = shape.reduce((a, b) => a * b, 1);
  const out = new Float32Array(rows.length * size);
  for (const [i, row] of rows.entries()) out.set(pixels.subarray(row * size, (row + 1) * size), i * size);
  return { encoding, shape, pixels: out };
}

/** The cells with their points, those too that the same attack found at a smaller radius, where it was not tried again. */
async function withPoints(
  cells: readonly CellRecord[],
  originals: ReadonlySet<number>,
  store: Pick<Store, 'images'>,
): Promise<EvidenceSource['cells']> {
  const points = new Map<string, PointBlock[]>();
  for (const cell of cells) {
    const bytes = await store.images(cell.published?.points as string);
    points.set(cell.key, bytes ? parsePoints(bytes, cell) : []);
  }
  return cells.map((cell) => {
    const { robust, distances } = cell.outcomes;
    const smaller = cells.filter((other) => attackOf(other) === attackOf(cell) && other.threat.eps < cell.threat.eps);
    const order = [cell, ...smaller.sort((a, b) => b.threat.eps - a.threat.eps)];
    const places = new Map(indicesOf(cell).map((image, place) => [image, place]));
    const held = new Set<number>();
    const blocks = order.flatMap((from) => {
      const images = indicesOf(from);
      return (points.get(from.key) ?? []).flatMap((block) => {
        const fitting = block.ids.flatMap((id, row) => {
          const image = images[id] as number;
          const place = places.get(image);
          const isOf = place !== undefined && !held.has(place) && robust[place] === '0' && (distances[place] as number) > 0;
          return isOf && originals.has(image) ? [{ row, place }] : [];
        });
        for (const { place } of fitting) held.add(place);
        if (fitting.length === 0) return [];
        const rows = rowsOf(
          block,
          fitting.map(({ row }) => row),
        );
        return [{ ...asImages(rows), ids: fitting.map(({ place }) => place) }];
      });
    });
    return { cell, blocks };
  });
}

/** What must be equal for two cells to be of one attack at two radii. */
const attackOf = ({ attack, threat, seed, dataset }: CellRecord) =>
  canonical([attack.name, attack.version, attack.params, attack.budget, attack.draw, threat.norm, seed, dataset.hash]);
