/** Where tensors are looked for in a checkpoint, which of their descriptions are believed, and where the bytes must lie. */
import { describe, expect, it } from 'vitest';
import { readLegacyCheckpoint, readZipCheckpoint } from '../../../models/import/pytorch.ts';
import { archive, dict, half, int, legacy, list, made, named, none, rebuilt, storage, tensor, text, tuple } from './checkpoints-by-hand.ts';

const read = (...args: Parameters<typeof legacy>) => readLegacyCheckpoint(legacy(...args));
/** The values of the one tensor of a checkpoint. */
const values = (of: ReturnType<typeof tensor>) => [...(read(dict({ w: of })).entries.get('w')?.data ?? [])];
const NOTHING = 'holds no tensors by name';

describe('a tensor', () => {
  it('is the part of its storage that offset and shape name, up to the last value', () => {
    expect(values(tensor())).toEqual([1, 2, 3]);
    expect(values(tensor({ offset: 3 }))).toEqual([4, 5, 6]);
    expect(() => values(tensor({ offset: 4 }))).toThrow('[weights] w.pt: w needs values 4 to 7 of a storage of 6');
    expect(read(dict({ w: tensor({ shape: [2, 3], stride: [3, 1] }) })).entries.get('w')?.shape).toEqual([2, 3]);
  });

  it('is gathered where its strides are not those of its shape', () => {
    expect(values(tensor({ shape: [3, 2], stride: [1, 3] }))).toEqual([1, 4, 2, 5, 3, 6]);
    expect(values(tensor({ shape: [2], stride: [5] }))).toEqual([1, 6]);
    expect(() => values(tensor({ shape: [2], stride: [6] }))).toThrow('needs values 0 to 7');
    expect(values(tensor({ shape: [2, 2], stride: [0, 2], offset: 1 }))).toEqual([2, 4, 2, 4]);
  });

  it('may have any stride along an axis of length 1', () => {
    expect(values(tensor({ shape: [1, 3, 1], stride: [77, 1, 9] }))).toEqual([1, 2, 3]);
  });

  it('of no values needs none', () => {
    expect(read(dict({ w: tensor({ shape: [0, 3], stride: [3, 1], offset: 100 }) })).entries.get('w')).toEqual({
      shape: [0, 3],
      data: new Float32Array(0),
    });
  });

  it('without axes is one value', () => {
    expect(read(dict({ w: tensor({ shape: [], stride: [], offset: 5 }) })).entries.get('w')).toEqual({
      shape: [],
      data: Float32Array.of(6),
    });
  });

  it.each([
    ['as a parameter', made('torch._utils', '_rebuild_parameter', [tensor(), none])],
    ['as a parameter with a state', made('torch._utils', '_rebuild_parameter_with_state', [tensor(), none, none, none])],
    ['as of the first version', made('torch._utils', '_rebuild_tensor', rebuilt())],
    [
      'as of a subclass',
      made('torch._tensor', '_rebuild_from_type_v2', [named('torch._utils', '_rebuild_tensor_v2'), none, tuple(...rebuilt()), none]),
    ],
  ])('is found %s', (_, piece) => {
    expect(values(piece)).toEqual([1, 2, 3]);
  });

  it.each([
    ['made by another function', made('torch._utils', '_rebuild_tensor_v3', rebuilt())],
    ['made by a function whose name begins like one', made('torch._utils', '_rebuild_parameters', [tensor()])],
    ['made by a function of that name elsewhere', made('my.torch._utils', '_rebuild_tensor_v2', rebuilt())],
    ['of a storage of unknown type', tensor({ storage: storage({ type: 'QInt8Storage' }) })],
    ['of a storage named like a method of objects', tensor({ storage: storage({ type: 'toString' }) })],
    ['of something else that lies outside', tensor({ storage: storage({ tag: 'module' }) })],
    ['of a storage of half a value', tensor({ storage: storage({ count: half }) })],
    ['that starts before its storage', tensor({ offset: -1 })],
    ['with a negative side', tensor({ shape: [-3] })],
    ['with a negative stride', tensor({ stride: [-1] })],
    ['with more strides than sides', tensor({ stride: [1, 1] })],
    ['with fewer strides than sides', tensor({ shape: [3, 1] })],
    ['without a name', tuple(tensor())],
  ])('%s is none', (_, piece) => {
    expect(() => readZipCheckpoint(archive(dict({ w: piece })))).toThrow(NOTHING);
  });

  it('holds at most eight values for a byte of the file, and a thousand', () => {
    const of = (n: number) => dict({ w: tensor({ shape: [n], stride: [0] }) });
    const { size } = legacy(of(1));
    expect(read(of(8 * size + 1024)).entries.get('w')?.data.length).toBe(8 * size + 1024);
    expect(() => read(of(8 * size + 1025))).toThrow(`its tensors would hold ${8 * size + 1025} values, the file has ${size} bytes`);
  });
});

describe('the state dict', () => {
  const other = tensor({ offset: 3 });

  it('is the dictionary itself, with what in it is a tensor and has a name', () => {
    const { entries, path } = read(dict({ w: tensor(), epoch: int(3), optimizer: dict({ v: other }) }));
    expect([[...entries.keys()], path]).toEqual([['w'], '']);
  });

  it('is looked for under the names that people give it, the most wanted first, then under any', () => {
    expect(read(dict({ other: dict({ w: other }), best: dict({ w: other }), state_dict: dict({ w: tensor() }) }))).toMatchObject({
      path: 'state_dict',
      entries: new Map([['w', { shape: [3], data: Float32Array.of(1, 2, 3) }]]),
    });
    expect(read(dict({ ema: dict({ w: other }), model: dict({ w: tensor() }) })).path).toBe('model');
    expect(read(dict({ mine: dict({ w: other }), last: dict({ w: tensor() }) })).path).toBe('last');
    expect(read(dict({ epoch: int(3), mine: dict({ w: tensor() }) })).path).toBe('mine');
  });

  it('may lie deeper, and is found by its whole path; where a wanted name holds none, the next does', () => {
    expect(read(dict({ best: dict({ model: dict({ w: tensor() }) }) })).path).toBe('best.model');
    expect(read(dict({ state_dict: dict({ epoch: int(3) }), net: dict({ w: tensor() }) })).path).toBe('net');
  });

  it('is not looked for at any depth', () => {
    const nested = (depth: number): ReturnType<typeof dict> => (depth === 0 ? dict({ w: tensor() }) : dict({ a: nested(depth - 1) }));
    expect(read(nested(12)).path.split('.')).toHaveLength(12);
    expect(() => read(nested(13))).toThrow(NOTHING);
  });

  it('of a module has its parameters, buffers and those of the modules in it, and nothing else', () => {
    const inner = made(
      'torch.nn',
      'Linear',
      [],
      dict({ _parameters: dict({ weight: other, bias: none }), _buffers: dict({}), _modules: dict({}) }),
    );
    const state = dict({
      training: int(0),
      cache: dict({ x: tensor() }),
      _parameters: dict({ scale: tensor() }),
      _buffers: dict({ mean: tensor({ offset: 1 }) }),
      _modules: dict({ fc: inner, act: none }),
    });
    const { entries, path } = read(made('mine', 'Net', [], state));
    expect(path).toBe('');
    expect([...entries].map(([name, { data }]) => [name, ...data])).toEqual([
      ['scale', 1, 2, 3],
      ['mean', 2, 3, 4],
      ['fc.weight', 4, 5, 6],
    ]);
    expect(read(dict({ model: made('mine', 'Net', [], state) })).path).toBe('model');
  });

  it('of a module without tensors is none', () => {
    const empty = made('mine', 'Net', [], dict({ _parameters: dict({}), _modules: dict({}) }));
    expect(() => readZipCheckpoint(archive(empty))).toThrow(NOTHING);
    expect(() => read(made('mine', 'Net', [], dict({ w: tensor() })))).toThrow(NOTHING);
  });
});

describe('the older form', () => {
  const w = dict({ w: tensor() });

  it('has storages one after the other, in the order of their list', () => {
    const second = tensor({ storage: storage({ key: '1', count: int(2) }), shape: [2] });
    const of = dict({ second, w: tensor({ offset: 3 }) });
    const { entries } = read(of, { keys: list(text('0'), text('1')), counts: [6, 2] });
    expect([...(entries.get('w')?.data ?? [])]).toEqual([4, 5, 6]);
    expect([...(entries.get('second')?.data ?? [])]).toEqual([1, 2]);
  });

  it('has storages of what is no weight too: they are passed over', () => {
    const hidden = tensor({ storage: storage({ key: '1', count: int(2) }), shape: [2] });
    const of = dict({ log: list(int(1), made('mine', 'Log', [], dict({ hidden }))), model: w });
    const { entries } = read(of, { keys: list(text('1'), text('0')), counts: [2, 6] });
    expect([...(entries.get('w')?.data ?? [])]).toEqual([1, 2, 3]);
  });

  it.each<[string, Parameters<typeof legacy>[1], string]>([
    ['another protocol', { protocol: int(1000) }, 'its protocol is not 1001'],
    ['big-endian numbers', { system: dict({ little_endian: Buffer.from([0x89]) }) }, 'its numbers are big-endian'],
    ['a list of storages that is none', { keys: int(1) }, 'the list of its storages is damaged'],
    ['a storage that no tensor has', { keys: list(text('7')) }, 'storage 7 is damaged'],
    ['a storage of fewer than no values', { counts: [-1] }, 'storage 0 is damaged'],
    ['a storage that is not listed', { keys: list() }, 'storage 0 is too short for a tensor in it'],
    ['a storage that is shorter than was said', { counts: [2] }, 'storage 0 is too short for a tensor in it'],
    ['storages that are cut off', { counts: [] }, 'truncated or damaged'],
  ])('with %s is refused', (_, changes, message) => {
    expect(() => read(w, changes)).toThrow(`[weights] w.pt: `);
    expect(() => read(w, changes)).toThrow(message);
  });

  it('without a word about the system is taken, and a storage may end where its tensor does', () => {
    expect(read(w, { system: dict({}) }).entries.get('w')?.data).toEqual(Float32Array.of(1, 2, 3));
    expect(read(w, { counts: [3] }).entries.get('w')?.data).toEqual(Float32Array.of(1, 2, 3));
  });
});

describe('an archive', () => {
  const w = dict({ w: tensor({ offset: 1 }) });
  const bytes = (of: string) => new Uint8Array(Buffer.from(of));
  const wanted = Float32Array.of(2, 3, 4);

  it('is read below its folder, or without one', () => {
    for (const root of ['net/', 'a/b/', '']) expect(readZipCheckpoint(archive(w, {}, root)).entries.get('w')?.data).toEqual(wanted);
  });

  it('may say in which order its bytes are', () => {
    expect(readZipCheckpoint(archive(w, { byteorder: bytes('little\n') })).entries.get('w')?.data).toEqual(wanted);
    expect(() => readZipCheckpoint(archive(w, { byteorder: bytes('big') }))).toThrow('its numbers are big-endian');
  });

  it('without a pickle of that name, or without a storage that is needed, is refused', () => {
    expect(() => readZipCheckpoint(archive(w, {}, 'not-'))).toThrow('the archive holds no data.pkl; not a PyTorch checkpoint');
    const lost = dict({ w: tensor({ storage: storage({ key: '5' }) }) });
    expect(() => readZipCheckpoint(archive(lost))).toThrow('[weights] w.pt: the archive lacks net/data/5');
    expect(() => readZipCheckpoint(archive(dict({ w: tensor({ storage: storage({ count: int(9) }), offset: 5 }) })))).toThrow(
      'net/data/0 has 24 bytes, 32 are needed',
    );
  });
});
