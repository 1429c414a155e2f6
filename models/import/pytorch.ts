/** Tensors of a PyTorch checkpoint, in the zip form of PyTorch 1.6 and later and in the older one, without executing anything. */
import { RampartError } from '../../errors.ts';
import { type Entry, floatsOf } from '../safetensors.ts';
import type { ByteSource } from './bytes.ts';
import { Global, Made, Persistent, unpickle } from './pickle.ts';
import { readDirectory, readStored } from './zip.ts';

/** Storage types of `torch` by the names of safetensors, with the bytes of one value. */
const STORAGES: Readonly<Record<string, readonly [dtype: string, width: number]>> = {
  FloatStorage: ['F32', 4],
  HalfStorage: ['F16', 2],
  BFloat16Storage: ['BF16', 2],
  DoubleStorage: ['F64', 8],
  LongStorage: ['I64', 8],
  IntStorage: ['I32', 4],
  ShortStorage: ['I16', 2],
  CharStorage: ['I8', 1],
  ByteStorage: ['U8', 1],
  BoolStorage: ['BOOL', 1],
};

/** A pickle of structure alone; tensors lie outside of it. */
const LARGEST_PICKLE = 256 * 2 ** 20;
const DEEPEST = 12;
/** Where people keep the state dict in a checkpoint, the most wanted first. */
const NESTED = [
  'state_dict',
  'model_state_dict',
  'model',
  'net',
  'ema',
  'ema_state_dict',
  'model_ema',
  'network',
  'weights',
  'params',
  'best',
  'last',
];

/** Values of a storage of the file: `length` of them from `offset`. */
type ReadStorage = (key: string, dtype: string, offset: number, length: number) => Float32Array;

export interface Checkpoint {
  /** Tensors as float32, by the names of the state dict or of the module. */
  readonly entries: Map<string, Entry>;
  /** Where in the file the state dict was: `state_dict`, or empty where it was the file. */
  readonly path: string;
}

/** Reads a checkpoint that starts as a zip archive. Throws a RampartError that names the source and what is wrong. */
export function readZipCheckpoint(source: ByteSource): Checkpoint {
  const files = readDirectory(source);
  const fail = (what: string) => new RampartError(`[weights] ${source.name}: ${what}`);
  const pickled = [...files.keys()].find((name) => name === 'data.pkl' || name.endsWith('/data.pkl'));
  if (pickled === undefined) throw fail('the archive holds no data.pkl; not a PyTorch checkpoint');
  const root = pickled.slice(0, -'data.pkl'.length);
  const read = (name: string, from?: number, length?: number) => {
    const file = files.get(name);
    if (!file) throw fail(`the archive lacks ${name}`);
    return readStored(source, name, file, from, length);
  };
  if (files.has(`${root}byteorder`) && read(`${root}byteorder`, 0).toString('latin1').trim() !== 'little')
    throw fail('its numbers are big-endian');
  const size = files.get(pickled)?.size ?? 0;
  if (size > LARGEST_PICKLE) throw fail(`data.pkl has ${size} bytes, expected at most ${LARGEST_PICKLE}`);
  const { value } = unpickle(read(pickled), source.name);
  return stateOf(value, source, (key, dtype, from, length) => {
    const width = widthOf(dtype);
    return floatsOf(dtype, read(`${root}data/${key}`, from * width, length * width));
  });
}

const widthOf = (dtype: string) => Object.values(STORAGES).find(([name]) => name === dtype)?.[1] as number;

/** First number of the older form, as a pickle: 0x1950a86a20f9469cfc6c. */
export const LEGACY_MAGIC = Buffer.from([0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e]);

/** Reads a checkpoint of PyTorch before 1.6, or of `_use_new_zipfile_serialization=False`: five pickles, then the storages one after the other. */
export function readLegacyCheckpoint(source: ByteSource): Checkpoint {
  const fail = (what: string) => new RampartError(`[weights] ${source.name}: ${what}`);
  const head = source.read(0, Math.min(source.size, LARGEST_PICKLE));
  let at = 2 + LEGACY_MAGIC.length; // protocol, then the magic number
  const next = () => {
    const { value, end } = unpickle(head, source.name, at);
    at = end;
    return value;
  };
  if (next() !== 1001) throw fail('its protocol is not 1001, the only one that PyTorch has written');
  const system = next();
  if (system instanceof Map && system.get('little_endian') === false) throw fail('its numbers are big-endian');
  const value = next();
  const keys = next();
  if (!Array.isArray(keys)) throw fail('the list of its storages is damaged');
  const widths = new Map(storagesOf(value).map(({ key, dtype }) => [key, widthOf(dtype)]));
  const places = new Map<string, { offset: number; count: number }>();
  for (const key of keys.map(String)) {
    const count = Number(source.read(at, 8).readBigInt64LE(0));
    const width = widths.get(key);
    if (width === undefined || !Number.isSafeInteger(count) || count < 0) throw fail(`storage ${key} is damaged`);
    places.set(key, { offset: at + 8, count });
    at += 8 + count * width;
  }
  return stateOf(value, source, (key, dtype, from, length) => {
    const place = places.get(key);
    if (!place || from + length > place.count) throw fail(`storage ${key} is too short for a tensor in it`);
    const width = widthOf(dtype);
    return floatsOf(dtype, source.read(place.offset + from * width, length * width));
  });
}

/** A tensor as the pickle describes it. */
interface Described {
  readonly key: string;
  readonly dtype: string;
  /** Values in its storage, as written. */
  readonly count: number;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
}

const areSizes = (value: unknown): value is number[] => Array.isArray(value) && value.every((v) => Number.isSafeInteger(v) && v >= 0);

function storageOf(value: unknown): Pick<Described, 'key' | 'dtype' | 'count'> | undefined {
  if (!(value instanceof Persistent) || !Array.isArray(value.id) || value.id[0] !== 'storage') return undefined;
  const [, type, key, , count] = value.id as unknown[];
  const name = type instanceof Global ? (type.name.split('.').at(-1) as string) : '';
  const known = Object.hasOwn(STORAGES, name) ? STORAGES[name] : undefined;
  return known && Number.isSafeInteger(count) ? { key: String(key), dtype: known[0], count: count as number } : undefined;
}

/** The tensor behind a call that would have rebuilt one, or undefined. */
function tensorOf(value: unknown): Described | undefined {
  if (!(value instanceof Made)) return undefined;
  if (/^torch\._utils\._rebuild_parameter(_with_state)?$/.test(value.of)) return tensorOf(value.args[0]);
  if (value.of === 'torch._tensor._rebuild_from_type_v2')
    return tensorOf(new Made((value.args[0] as Global)?.name, (value.args[2] as unknown[]) ?? []));
  if (!/^torch\._utils\._rebuild_tensor(_v2)?$/.test(value.of)) return undefined;
  const [storage, offset, shape, stride] = value.args;
  const of = storageOf(storage);
  if (!of || !areSizes([offset]) || !areSizes(shape) || !areSizes(stride) || shape.length !== stride.length) return undefined;
  return { ...of, offset: offset as number, shape, stride };
}

/** Every storage that a value refers to, each once. */
function storagesOf(value: unknown): { key: string; dtype: string }[] {
  const seen = new Set<unknown>();
  const found = new Map<string, { key: string; dtype: string }>();
  const open: unknown[] = [value];
  while (open.length > 0) {
    const here = open.pop();
    if (here === null || typeof here !== 'object' || seen.has(here)) continue;
    seen.add(here);
    const storage = storageOf(here);
    if (storage) found.set(storage.key, storage);
    else if (here instanceof Map) open.push(...here.keys(), ...here.values());
    else if (here instanceof Made) open.push(here.state, here.args);
    else if (Array.isArray(here) || here instanceof Set) for (const each of here) open.push(each);
  }
  return [...found.values()];
}

type Found = Map<string, Described>;

/** Parameters and buffers of a pickled module and of those in it, by PyTorch's names. */
function ofModule(attributes: ReadonlyMap<unknown, unknown>, prefix: string, out: Found, depth: number): void {
  if (depth > DEEPEST) return;
  for (const kind of ['_parameters', '_buffers'])
    for (const [name, value] of asMap(attributes.get(kind)) ?? []) {
      const tensor = tensorOf(value);
      if (tensor) out.set(`${prefix}${String(name)}`, tensor);
    }
  for (const [name, module] of asMap(attributes.get('_modules')) ?? []) {
    const inner = moduleAttributes(module);
    if (inner) ofModule(inner, `${prefix}${String(name)}.`, out, depth + 1);
  }
}

const asMap = (value: unknown): ReadonlyMap<unknown, unknown> | undefined => (value instanceof Map ? value : undefined);

function moduleAttributes(value: unknown): ReadonlyMap<unknown, unknown> | undefined {
  const state = value instanceof Made ? asMap(value.state) : undefined;
  return state?.has('_modules') ? state : undefined;
}

/** The state dict of a value: itself, a module's, or that of the entry that people keep it in. */
function findState(value: unknown, path: string, depth = 0): { found: Found; path: string } | undefined {
  const module = moduleAttributes(value);
  const found: Found = new Map();
  if (module) {
    ofModule(module, '', found, 0);
    return found.size > 0 ? { found, path } : undefined;
  }
  const map = asMap(value);
  if (!map || depth > DEEPEST) return undefined;
  for (const [name, each] of map) {
    const tensor = tensorOf(each);
    if (tensor && typeof name === 'string') found.set(name, tensor);
  }
  if (found.size > 0) return { found, path };
  const names = [
    ...NESTED.filter((name) => map.has(name)),
    ...[...map.keys()].filter((k): k is string => typeof k === 'string' && !NESTED.includes(k)),
  ];
  for (const name of names) {
    const inner = findState(map.get(name), path === '' ? name : `${path}.${name}`, depth + 1);
    if (inner) return inner;
  }
  return undefined;
}

function stateOf(value: unknown, source: ByteSource, read: ReadStorage): Checkpoint {
  const fail = (what: string) => new RampartError(`[weights] ${source.name}: ${what}`);
  const state = findState(value, '');
  if (!state)
    throw fail(
      `holds no tensors by name: expected a state dict, one under ${NESTED.slice(0, 5).join(', ')} or the like, or a whole module`,
    );
  const entries = new Map<string, Entry>();
  let values = 0;
  for (const [name, tensor] of state.found) {
    values += tensor.shape.reduce((a, b) => a * b, 1);
    // tensors may share storages, but no network holds its file several times over
    if (!(values <= 8 * source.size + 1024)) throw fail(`its tensors would hold ${values} values, the file has ${source.size} bytes`);
    entries.set(name, { shape: [...tensor.shape], data: valuesOf(name, tensor, read, fail) });
  }
  return { entries, path: state.path };
}

function valuesOf(
  name: string,
  { key, dtype, count, offset, shape, stride }: Described,
  read: ReadStorage,
  fail: (what: string) => RampartError,
): Float32Array {
  const size = shape.reduce((a, b) => a * b, 1);
  if (size === 0) return new Float32Array(0);
  const span = 1 + shape.reduce((sum, n, i) => sum + (n - 1) * (stride[i] as number), 0);
  if (!(offset + span <= count)) throw fail(`${name} needs values ${offset} to ${offset + span} of a storage of ${count}`);
  const data = read(key, dtype, offset, span);
  if (isContiguous(shape, stride)) return data;
  return gather(data, shape, stride, size);
}

function isContiguous(shape: readonly number[], stride: readonly number[]): boolean {
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if ((shape[i] as number) > 1 && stride[i] !== expected) return false;
    expected *= shape[i] as number;
  }
  return true;
}

/** The values of a strided tensor in row-major order. */
function gather(data: Float32Array, shape: readonly number[], stride: readonly number[], size: number): Float32Array {
  const out = new Float32Array(size);
  const index = shape.map(() => 0);
  let from = 0;
  for (let i = 0; i < size; i++) {
    out[i] = data[from] as number;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += stride[axis] as number;
      index[axis] = (index[axis] as number) + 1;
      if ((index[axis] as number) < (shape[axis] as number)) break;
      from -= (stride[axis] as number) * (shape[axis] as number);
      index[axis] = 0;
    }
  }
  return out;
}
