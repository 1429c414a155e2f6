/** A file of weights of any kind that people have: recognised by its bytes, read into float32 tensors by name; one that cannot be taken is named as what it is. */
import { RampartError } from '../../errors.ts';
import { type Entry, readSafetensors } from '../safetensors.ts';
import { type ByteSource, withFile } from './bytes.ts';
import { type NpyArray, readNpy, readNpz } from './npy.ts';
import { LEGACY_MAGIC, readLegacyCheckpoint, readZipCheckpoint } from './pytorch.ts';
import { readDirectory } from './zip.ts';

export type WeightsKind = 'safetensors' | 'pytorch' | 'pytorch-legacy' | 'npz' | 'npy';

export interface Weights {
  readonly kind: WeightsKind;
  readonly entries: Map<string, Entry>;
  /** Where in the file the state dict was, such as `state_dict`; empty where it was the file. */
  readonly path: string;
}

const TO_SAFETENSORS = `python -c "import torch, safetensors.torch as s; s.save_file(torch.load('IN', map_location='cpu'), 'OUT.safetensors')"`;

/** Kinds that are recognised and cannot be taken: what each is, and how to convert it. */
const REFUSED = {
  torchscript: [
    'a TorchScript module',
    `run it as it is (rampart eval without --arch, torchscript: in a suite), or save its weights in Python: torch.save(torch.jit.load('IN', map_location='cpu').state_dict(), 'OUT.pt')`,
  ],
  onnx: ['an ONNX model', 'save the state dict of the PyTorch model that it was made from: torch.save(model.state_dict(), "OUT.pt")'],
  hdf5: ['an HDF5 file, as Keras writes', 'load it in Python and save its arrays under PyTorch names with safetensors'],
  tar: ['a PyTorch checkpoint of before 2017', `load and save it with any PyTorch of today: ${TO_SAFETENSORS}`],
  gzip: ['compressed with gzip', 'unpack it: gunzip'],
  zip: ['a zip archive that is no PyTorch checkpoint', 'unpack it where it holds the checkpoint'],
  tensorflow: ['a TensorFlow checkpoint or SavedModel', 'load it in Python and save its arrays under PyTorch names with safetensors'],
  pickle: ['a Python pickle that torch.save did not write', 'save the state dict in Python: torch.save(model.state_dict(), "OUT.pt")'],
  text: ['text', 'give the file of weights itself; a Git LFS pointer is fetched with: git lfs pull'],
  unknown: ['of no kind that is known', 'give a PyTorch checkpoint (.pt, .pth) or a safetensors file'],
} as const;

export type RefusedKind = keyof typeof REFUSED;

const startsWith = (bytes: Buffer, signature: readonly number[]) => signature.every((b, i) => bytes[i] === b);

/** What a file is, by its first bytes and, for an archive, its directory. */
export function kindOf(source: ByteSource): WeightsKind | RefusedKind {
  const head = source.read(0, Math.min(source.size, 512));
  if (startsWith(head, [0x50, 0x4b, 0x03, 0x04])) return kindOfArchive(source);
  if (head[0] === 0x80 && head.subarray(2, 2 + LEGACY_MAGIC.length).equals(LEGACY_MAGIC)) return 'pytorch-legacy';
  if (isSafetensors(head, source.size)) return 'safetensors';
  if (startsWith(head, [0x89, 0x48, 0x44, 0x46])) return 'hdf5';
  if (startsWith(head, [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59])) return 'npy';
  if (startsWith(head, [0x1f, 0x8b])) return 'gzip';
  if (head.length >= 262 && head.toString('latin1', 257, 262) === 'ustar') return 'tar';
  if (head[0] === 0x80 && (head[1] ?? 9) <= 5) return 'pickle';
  // ONNX: field 1 (ir_version, a small number), then field 2 (producer) or 7 (graph) or 8 (opset)
  if (head[0] === 0x08 && (head[1] ?? 99) < 32 && [0x12, 0x3a, 0x42].includes(head[2] ?? 0)) return 'onnx';
  if (head.includes('saved_model') || head.includes('model_checkpoint_path')) return 'tensorflow';
  return head.length > 0 && head.every((b) => b >= 9 && b < 127) ? 'text' : 'unknown';
}

function kindOfArchive(source: ByteSource): WeightsKind | RefusedKind {
  let names: string[];
  try {
    names = [...readDirectory(source).keys()];
  } catch {
    return 'pytorch'; // damaged: its reader says how
  }
  if (names.length > 0 && names.every((n) => n.endsWith('.npy'))) return 'npz';
  if (names.some((n) => n.endsWith('/constants.pkl') || /(^|\/)code\//.test(n))) return 'torchscript';
  if (names.some((n) => n === 'data.pkl' || n.endsWith('/data.pkl'))) return 'pytorch';
  return names.includes('model.weights.h5') ? 'hdf5' : 'zip';
}

/** A header's length, then JSON. */
function isSafetensors(head: Buffer, size: number): boolean {
  if (head.length < 9) return false;
  const length = Number(head.readBigUInt64LE(0));
  return length > 1 && length <= size - 8 && head[8] === 0x7b;
}

/** Reads weights from a source. Throws a RampartError that names the source, and what it is where it cannot be taken. */
export function readWeights(source: ByteSource): Weights {
  const kind = kindOf(source);
  switch (kind) {
    case 'safetensors':
      return { kind, entries: readSafetensors(source.read(0, source.size), source.name).entries, path: '' };
    case 'pytorch':
      return { kind, ...readZipCheckpoint(source) };
    case 'pytorch-legacy':
      return { kind, ...readLegacyCheckpoint(source) };
    case 'npz':
      return { kind, entries: arraysOf(source), path: '' };
    case 'npy':
      return { kind, entries: new Map([['', entryOf(readNpy(source))]]), path: '' }; // one array has no name
    default: {
      const [what, remedy] = REFUSED[kind];
      throw new RampartError(`[weights] ${source.name} is ${what}, expected a PyTorch checkpoint or safetensors`, { remedy });
    }
  }
}

function arraysOf(source: ByteSource): Map<string, Entry> {
  const { names, array } = readNpz(source);
  return new Map(names.map((name) => [name, entryOf(array(name))]));
}

function entryOf({ shape, read }: NpyArray): Entry {
  const count = shape.reduce((a, b) => a * b, 1);
  const values: Iterable<number | bigint> = read(0, count);
  return { shape: [...shape], data: Float32Array.from(values, Number) };
}

/** `readWeights` on a file. */
export function readWeightsFile(path: string): Weights {
  return withFile(path, readWeights);
}
