/** Writes the evidence of a model as files of a site. Scripts, because from a folder on disk a browser lets a page read nothing else. */
import { RampartError } from '../../errors.ts';
import { writeSafetensors } from '../../models/safetensors.ts';
import { sha256 } from '../hash.ts';
import { type CellRecord, indicesOf, type ModelRecord } from '../record.ts';
import {
  EVIDENCE_FORMAT,
  type Evidence,
  type EvidenceCell,
  type EvidenceLink,
  evidenceSchema,
  type Held,
  MOST_IMAGES,
  PIECE_BYTES,
} from './format.ts';
import { parseImages } from './read.ts';

/** Images as they are published. */
export interface ImageBlock {
  /** `U8`: whole multiples of 1/255. */
  readonly dtype: 'U8' | 'F16' | 'F32';
  /** Height, width and channels. */
  readonly shape: readonly [h: number, w: number, c: number];
  /** `[k,h,w,c]` in [0,1], values that `dtype` holds exactly. */
  readonly pixels: Float32Array;
}

/** What a model's evidence is made of. */
export interface EvidenceSource {
  /** The file whose SHA-256 is the record's `weightsHash`; absent where it is not published. */
  readonly weights?: Uint8Array;
  readonly normalization: { readonly mean: readonly number[]; readonly std: readonly number[] };
  readonly inputShape: readonly [h: number, w: number, c: number];
  /** `indices` in the test split. */
  readonly originals: readonly (ImageBlock & { readonly indices: readonly number[] })[];
  /** `ids` are places in the cell's outcomes. */
  readonly cells: readonly { readonly cell: CellRecord; readonly blocks: readonly (ImageBlock & { readonly ids: readonly number[] })[] }[];
}

/** Adds a file by its path from the site's root, unless one of that name is there: names are by content. */
export type AddFile = (path: string, text: string) => void;

/** The script that hands over a piece. */
export function pieceText(path: string, bytes: Uint8Array): string {
  return `rampartPiece("${path}","${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')}");\n`;
}

/** Adds bytes as pieces. */
export function addHeld(bytes: Uint8Array, add: AddFile): Held {
  const hash = sha256(bytes);
  const pieces = Array.from({ length: Math.ceil(bytes.length / PIECE_BYTES) }, (_, i) => `evidence/${hash.slice(0, 24)}/${i}.js`);
  for (const [i, path] of pieces.entries()) add(path, pieceText(path, bytes.subarray(i * PIECE_BYTES, (i + 1) * PIECE_BYTES)));
  return { bytes: bytes.length, sha256: hash, pieces };
}

/** The bytes of a safetensors file with images `[k,h,w,c]`. Throws where `dtype` does not hold them exactly. */
export function imageFile({ dtype, shape, pixels }: ImageBlock): Uint8Array {
  const size = shape[0] * shape[1] * shape[2];
  const k = pixels.length / size;
  const data = dtype === 'U8' ? pixels.map((v) => Math.round(v * 255)) : pixels;
  const out = writeSafetensors(new Map([['images', { shape: [k, ...shape], data, dtype }]]), dtype === 'U8' ? { levels: '255' } : {});
  const read = parseImages(out, k, shape, 'images to publish').pixels;
  const off = read.findIndex((v, i) => v !== pixels[i]);
  if (off >= 0) throw new RampartError(`[evidence] ${dtype} does not hold the pixel ${pixels[off]} of image ${Math.floor(off / size)}`);
  return out;
}

/** A block as files of at most `MOST_IMAGES` images, each with the part of `ids` that it holds. */
function* filesOf(block: ImageBlock, ids: readonly number[]): Generator<{ bytes: Uint8Array; ids: readonly number[] }> {
  const size = block.shape[0] * block.shape[1] * block.shape[2];
  if (block.pixels.length !== ids.length * size)
    throw new RampartError(`[evidence] expected ${ids.length} images of ${size} values, got ${block.pixels.length} values`);
  for (let from = 0; from < ids.length; from += MOST_IMAGES) {
    const part = ids.slice(from, from + MOST_IMAGES);
    yield { bytes: imageFile({ ...block, pixels: block.pixels.subarray(from * size, (from + part.length) * size) }), ids: part };
  }
}

/** Writes a model's evidence through `add`. Throws where the weights are not those of the record. */
export function writeEvidence(record: ModelRecord, source: EvidenceSource, add: AddFile): EvidenceLink {
  const { weights, normalization, inputShape } = source;
  if (weights && sha256(weights) !== record.weightsHash)
    throw new RampartError(`[evidence] the weights of ${record.name} are not those of its record`);
  const labels = new Map(
    source.cells.flatMap(({ cell }) => indicesOf(cell).map((image, i) => [image, cell.outcomes.labels[i] as number] as const)),
  );
  const labelOf = (image: number): number => {
    const label = labels.get(image);
    if (label === undefined) throw new RampartError(`[evidence] test image ${image} is in no cell of ${record.name} that is published`);
    return label;
  };
  const evidence: Evidence = {
    format: EVIDENCE_FORMAT,
    model: {
      key: record.key,
      name: record.name,
      weightsHash: record.weightsHash,
      arch: record.arch.name,
      normalization: { mean: normalization.mean, std: normalization.std },
      ...(record.imported?.bnEps !== undefined && { bnEps: record.imported.bnEps }),
      inputShape: [...inputShape],
      classNames: record.dataset.classNames,
      dataset: { name: record.dataset.name, hash: record.dataset.hash },
    },
    ...(weights && { weights: addHeld(weights, add) }),
    originals: source.originals.flatMap((block) =>
      [...filesOf(block, block.indices)].map(({ bytes, ids }) => ({ ...addHeld(bytes, add), indices: ids, labels: ids.map(labelOf) })),
    ),
    claims: claimsOf(source.cells.map(({ cell }) => cell)),
    cells: source.cells.map(({ cell, blocks }) => cellOf(cell, blocks, add)),
  };
  const index = indexFile(evidence, add);
  const files = [...evidence.originals, ...evidence.cells.flatMap((cell) => cell.adversarial)];
  return {
    index,
    weights: evidence.weights?.bytes,
    images: evidence.cells.reduce((n, cell) => n + cell.indices.length, 0),
    imageBytes: files.reduce((n, { bytes }) => n + bytes, 0),
  };
}

/** By threat model, the images that were attacked and that no cell broke. */
function claimsOf(cells: readonly EvidenceSource['cells'][number]['cell'][]): Evidence['claims'] {
  const standing = new Map<string, { threat: Evidence['claims'][number]['threat']; broken: Set<number>; seen: Set<number> }>();
  for (const cell of cells) {
    const { norm, eps } = cell.threat;
    const key = `${norm} ${eps}`;
    const claim = standing.get(key) ?? { threat: { norm, eps }, broken: new Set(), seen: new Set() };
    standing.set(key, claim);
    for (const [i, image] of indicesOf(cell).entries()) {
      claim.seen.add(image);
      if (cell.outcomes.robust[i] !== '1') claim.broken.add(image);
    }
  }
  return [...standing.values()].map(({ threat, broken, seen }) => ({ threat, images: [...seen].filter((image) => !broken.has(image)) }));
}

function indexFile(evidence: Evidence, add: AddFile): Held {
  const bytes = new TextEncoder().encode(JSON.stringify(evidenceSchema.parse(evidence)));
  const path = `evidence/${evidence.model.key}.js`;
  add(path, pieceText(path, bytes));
  return { bytes: bytes.length, sha256: sha256(bytes), pieces: [path] };
}

function cellOf(cell: CellRecord, blocks: EvidenceSource['cells'][number]['blocks'], add: AddFile): EvidenceCell {
  const images = indicesOf(cell);
  const { robust, labels, predictions, distances } = cell.outcomes;
  const ids = blocks.flatMap((block) => [...block.ids]);
  const stranger = ids.find((id) => robust[id] !== '0');
  if (stranger !== undefined) throw new RampartError(`[evidence] example ${stranger} is none that ${cell.attack.label} broke`);
  return {
    key: cell.key,
    attack: cell.attack.label,
    threat: { norm: cell.threat.norm, eps: cell.threat.eps },
    n: cell.n,
    broken: [...robust].filter((outcome, i) => outcome === '0' && (distances[i] as number) > 0).length,
    indices: ids.map((id) => images[id] as number),
    labels: ids.map((id) => labels[id] as number),
    predictions: ids.map((id) => predictions[id] as number),
    distances: ids.map((id) => distances[id] as number),
    adversarial: blocks.flatMap((block) =>
      [...filesOf(block, block.ids)].map(({ bytes, ids: part }) => ({ ...addHeld(bytes, add), count: part.length })),
    ),
  };
}
