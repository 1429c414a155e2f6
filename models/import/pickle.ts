/**
 * Python's pickle format, protocols 0 to 5, read without executing anything: what a pickle would import or call becomes an inert
 * description. https://docs.python.org/3/library/pickletools.html lists the operations;
 * the file is long because all of them stand in its table.
 */
import { RampartError } from '../../errors.ts';

/** A name that a pickle would have imported: `torch._utils._rebuild_tensor_v2`. */
export class Global {
  readonly name: string;
  constructor(module: string, name: string) {
    this.name = `${module}.${name}`;
  }
}

/** What a pickle would have made by calling `of` with `args`, and the state it would have given it. */
export class Made {
  readonly of: string;
  readonly args: readonly unknown[];
  state: unknown;
  constructor(of: string, args: readonly unknown[]) {
    this.of = of;
    this.args = args;
  }
}

/** What the pickle kept outside of itself, by the identifier that it wrote: a storage of a tensor. */
export class Persistent {
  readonly id: unknown;
  constructor(id: unknown) {
    this.id = id;
  }
}

/** Operations that a pickle may take: a whole network of a thousand tensors takes some forty thousand. */
const MOST_OPERATIONS = 5_000_000;

const STOP = 0x2e;

/** Reads one pickle that starts at `offset`. `end` is the byte behind it. Dictionaries are Maps, tuples and lists arrays, sets Sets. Throws a RampartError with `source` and the byte. */
export function unpickle(bytes: Buffer, source: string, offset = 0): { value: unknown; end: number } {
  return new Unpickler(bytes, source, offset).run();
}

/** The stack machine that a pickle is a program for. */
class Unpickler {
  readonly #bytes: Buffer;
  readonly #source: string;
  #at: number;
  #stack: unknown[] = [];
  /** Stacks below each open mark. */
  readonly #below: unknown[][] = [];
  readonly #memo = new Map<number, unknown>();

  constructor(bytes: Buffer, source: string, offset: number) {
    this.#bytes = bytes;
    this.#source = source;
    this.#at = offset;
  }

  fail(what: string): RampartError {
    return new RampartError(`[weights] ${this.#source}: ${what} at byte ${this.#at} of its pickle`);
  }

  run(): { value: unknown; end: number } {
    for (let count = 0; count < MOST_OPERATIONS; count++) {
      const op = this.take(1)[0] as number;
      if (op === STOP) return { value: this.pop(), end: this.#at };
      const operation = OPERATIONS.get(op);
      if (!operation) throw this.fail(`operation 0x${op.toString(16)} is none of pickle's`);
      operation(this);
    }
    throw this.fail(`more than ${MOST_OPERATIONS} operations`);
  }

  /** The next `n` bytes, which are those of the file. */
  take(n: number): Buffer {
    const from = this.#at;
    if (!(n >= 0 && from + n <= this.#bytes.length)) throw this.fail('it ends in the middle of an operation');
    this.#at = from + n;
    return this.#bytes.subarray(from, from + n);
  }

  /** A line of text, without its end. */
  line(): string {
    const end = this.#bytes.indexOf(10, this.#at);
    if (end < 0) throw this.fail('it ends in the middle of a line');
    const text = this.take(end - this.#at).toString('utf8');
    this.take(1);
    return text;
  }

  /** An unsigned integer of `width` bytes. */
  size(width: 1 | 4 | 8): number {
    const raw = this.take(width);
    return width === 8 ? Number(raw.readBigUInt64LE(0)) : raw.readUIntLE(0, width);
  }

  /** A signed integer of any size, the lowest byte first. */
  long(size: number): number {
    if (size > 32) throw this.fail(`a number of ${size} bytes`);
    const raw = this.take(size);
    let value = 0n;
    for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(raw[i] as number);
    if (size > 0 && (raw[size - 1] as number) & 0x80) value -= 1n << BigInt(8 * size);
    return Number(value);
  }

  push(value: unknown): void {
    this.#stack.push(value);
  }

  pop(): unknown {
    if (this.#stack.length === 0) throw this.fail('an operation takes more values than there are');
    return this.#stack.pop();
  }

  top(): unknown {
    if (this.#stack.length === 0) throw this.fail('an operation takes more values than there are');
    return this.#stack[this.#stack.length - 1];
  }

  mark(): void {
    this.#below.push(this.#stack);
    this.#stack = [];
  }

  /** The values above the last mark; the stack goes on below it. */
  toMark(): unknown[] {
    const above = this.#stack;
    const below = this.#below.pop();
    if (!below) throw this.fail('an operation lacks its mark');
    this.#stack = below;
    return above;
  }

  /** Under the next free number unless given. */
  remember(key = this.#memo.size): void {
    this.#memo.set(key, this.top());
  }

  recall(key: number): void {
    if (!this.#memo.has(key)) throw this.fail(`memo ${key} was never set`);
    this.#stack.push(this.#memo.get(key));
  }
}

function call(m: Unpickler, callee: unknown, args: unknown): unknown {
  const name = callee instanceof Global ? callee.name : 'an unnamed callable';
  const list = Array.isArray(args) ? args : [args];
  if (name === 'collections.OrderedDict') return new Map(pairsOf(m, list[0] ?? []));
  if (name === 'builtins.set' || name === '__builtin__.set') return new Set(Array.isArray(list[0]) ? list[0] : []);
  return new Made(name, list);
}

function pairsOf(m: Unpickler, list: unknown): [unknown, unknown][] {
  if (list instanceof Map) return [...list];
  if (!Array.isArray(list) || !list.every((p) => Array.isArray(p) && p.length === 2)) throw m.fail('a dictionary was made of no pairs');
  return list as [unknown, unknown][];
}

/** Puts keys and values into a dictionary, or into the inert form of a class that is one. */
function setItems(m: Unpickler, values: readonly unknown[]): void {
  const target = m.top();
  if (values.length % 2 !== 0) throw m.fail('a key without a value');
  if (target instanceof Made) return; // the items of a class that we do not know
  if (!(target instanceof Map)) throw m.fail('items were put into no dictionary');
  for (let i = 0; i < values.length; i += 2) target.set(values[i], values[i + 1]);
}

function append(m: Unpickler, values: readonly unknown[]): void {
  const target = m.top();
  if (Array.isArray(target)) for (const value of values) target.push(value);
  else if (target instanceof Set) for (const value of values) target.add(value);
  else if (!(target instanceof Made)) throw m.fail('values were appended to no list');
}

function build(m: Unpickler): void {
  const state = m.pop();
  const target = m.top();
  if (target instanceof Made) target.state = state;
  // an OrderedDict carries attributes (PyTorch's `_metadata`) that are no entries of it
}

const number = (m: Unpickler, text: string): number => {
  const value = Number(text.replace(/L$/, ''));
  if (!Number.isFinite(value)) throw m.fail(`${JSON.stringify(text.slice(0, 20))} is no number`);
  return value;
};

const quoted = (text: string) => text.replace(/^['"]|['"]$/g, '');

const tuple = (size: number) => (m: Unpickler) => {
  const values: unknown[] = [];
  for (let i = 0; i < size; i++) values.unshift(m.pop());
  m.push(values);
};

const OPERATIONS: ReadonlyMap<number, (m: Unpickler) => void> = new Map<number, (m: Unpickler) => void>([
  // protocol and framing
  [0x80, (m) => m.take(1)],
  [0x95, (m) => m.take(8)],
  // stack
  [0x28, (m) => m.mark()],
  [0x30, (m) => m.pop()],
  [0x31, (m) => m.toMark()],
  [0x32, (m) => m.push(m.top())],
  // constants
  [0x4e, (m) => m.push(null)],
  [0x88, (m) => m.push(true)],
  [0x89, (m) => m.push(false)],
  // numbers
  [
    0x49, // I: text, where 00 and 01 are booleans
    (m) => {
      const text = m.line();
      m.push(text === '00' || text === '01' ? text === '01' : number(m, text));
    },
  ],
  [0x4c, (m) => m.push(number(m, m.line()))],
  [0x46, (m) => m.push(number(m, m.line()))],
  [0x4a, (m) => m.push(m.take(4).readInt32LE(0))],
  [0x4b, (m) => m.push(m.size(1))],
  [0x4d, (m) => m.push(m.take(2).readUInt16LE(0))],
  [0x8a, (m) => m.push(m.long(m.size(1)))],
  [0x8b, (m) => m.push(m.long(m.size(4)))],
  [0x47, (m) => m.push(m.take(8).readDoubleBE(0))],
  // text and bytes
  [0x53, (m) => m.push(quoted(m.line()))],
  [0x54, (m) => m.push(m.take(m.size(4)).toString('utf8'))],
  [0x55, (m) => m.push(m.take(m.size(1)).toString('utf8'))],
  [0x56, (m) => m.push(m.line())],
  [0x58, (m) => m.push(m.take(m.size(4)).toString('utf8'))],
  [0x8c, (m) => m.push(m.take(m.size(1)).toString('utf8'))],
  [0x8d, (m) => m.push(m.take(m.size(8)).toString('utf8'))],
  [0x42, (m) => m.push(m.take(m.size(4)))],
  [0x43, (m) => m.push(m.take(m.size(1)))],
  [0x8e, (m) => m.push(m.take(m.size(8)))],
  [0x96, (m) => m.push(m.take(m.size(8)))],
  // containers
  [0x5d, (m) => m.push([])],
  [0x29, (m) => m.push([])],
  [0x7d, (m) => m.push(new Map())],
  [0x8f, (m) => m.push(new Set())],
  [0x6c, (m) => m.push(m.toMark())],
  [0x74, (m) => m.push(m.toMark())],
  [0x85, tuple(1)],
  [0x86, tuple(2)],
  [0x87, tuple(3)],
  [0x91, (m) => m.push(new Set(m.toMark()))],
  [
    0x64, // d: a dictionary of what lies above the mark
    (m) => {
      const values = m.toMark();
      m.push(new Map());
      setItems(m, values);
    },
  ],
  [
    0x61,
    (m) => {
      const value = m.pop();
      append(m, [value]);
    },
  ],
  [0x65, (m) => append(m, m.toMark())],
  [0x90, (m) => append(m, m.toMark())],
  [
    0x73,
    (m) => {
      const value = m.pop();
      const key = m.pop();
      setItems(m, [key, value]);
    },
  ],
  [0x75, (m) => setItems(m, m.toMark())],
  // memo
  [0x70, (m) => m.remember(number(m, m.line()))],
  [0x71, (m) => m.remember(m.size(1))],
  [0x72, (m) => m.remember(m.size(4))],
  [0x94, (m) => m.remember()],
  [0x67, (m) => m.recall(number(m, m.line()))],
  [0x68, (m) => m.recall(m.size(1))],
  [0x6a, (m) => m.recall(m.size(4))],
  // what a pickle would execute
  [
    0x63,
    (m) => {
      const module = m.line();
      m.push(new Global(module, m.line()));
    },
  ],
  [
    0x93,
    (m) => {
      const name = m.pop();
      m.push(new Global(String(m.pop()), String(name)));
    },
  ],
  [
    0x52, // R
    (m) => {
      const args = m.pop();
      m.push(call(m, m.pop(), args));
    },
  ],
  [
    0x81,
    (m) => {
      const args = m.pop();
      m.push(call(m, m.pop(), args));
    },
  ],
  [
    0x92,
    (m) => {
      m.pop(); // keyword arguments
      const args = m.pop();
      m.push(call(m, m.pop(), args));
    },
  ],
  [
    0x6f, // o
    (m) => {
      const [callee, ...args] = m.toMark();
      m.push(call(m, callee, args));
    },
  ],
  [
    0x69, // i
    (m) => {
      const module = m.line();
      const callee = new Global(module, m.line());
      m.push(call(m, callee, m.toMark()));
    },
  ],
  [0x62, build],
  [0x51, (m) => m.push(new Persistent(m.pop()))],
  [0x50, (m) => m.push(new Persistent(m.line()))],
]);
