/** Numbers that a method remembers of every training image from epoch to epoch, on the host, where a checkpoint takes them from. */
import { RampartError } from '../../errors.ts';
import { tf } from '../../tensor/tf.ts';
import type { HostTensor } from '../defense.ts';

/** Of a checkpoint, which is one file that is read in one piece: 2 GiB, less what network and optimizer take of it. */
const MOST_BYTES = 1.75 * 2 ** 30;

const sizeOf = (shape: readonly number[]) => shape.reduce((product, side) => product * side, 1);

/** One value of shape `[h,w,c]` per name and image, zeros at first, 4 bytes a number. */
export class ImageMemory<Name extends string> {
  readonly #values: Record<Name, Float32Array>;
  readonly #shape: readonly number[];
  readonly #images: number;

  /** Throws where it would not fit into a checkpoint. `defense` is for the message. */
  constructor(defense: string, names: readonly Name[], images: number, shape: readonly number[]) {
    const bytes = 4 * names.length * images * sizeOf(shape);
    if (bytes > MOST_BYTES)
      throw new RampartError(
        `[defense ${defense}] remembers ${names.join(' and ')} of ${images} images of ${shape.join('x')}: ${(bytes / 2 ** 30).toFixed(1)} GiB, and a checkpoint holds 1.75`,
        { remedy: 'train on fewer or smaller images (datasets[].train in the suite)' },
      );
    this.#shape = shape;
    this.#images = images;
    const all = names.map((name) => [name, new Float32Array(images * sizeOf(shape))] as const);
    this.#values = Object.fromEntries(all) as Record<Name, Float32Array>;
  }

  #row(name: Name, id: number): Float32Array {
    const size = sizeOf(this.#shape);
    return this.#values[name].subarray(id * size, (id + 1) * size);
  }

  /** Of images `ids`, `[n,h,w,c]`. The caller owns it. */
  read(name: Name, ids: Int32Array): tf.Tensor4D {
    const size = sizeOf(this.#shape);
    const rows = new Float32Array(ids.length * size);
    ids.forEach((id, row) => {
      rows.set(this.#row(name, id), row * size);
    });
    return tf.tensor4d(rows, [ids.length, ...this.#shape] as [number, number, number, number]);
  }

  /** `values` are those of `ids` one after the other. */
  write(name: Name, ids: Int32Array, values: ArrayLike<number>): void {
    const size = sizeOf(this.#shape);
    ids.forEach((id, row) => {
      const own = this.#row(name, id);
      for (let i = 0; i < size; i++) own[i] = values[row * size + i] as number;
    });
  }

  /** What a checkpoint keeps: the memory itself, not a copy. */
  state(): Record<Name, HostTensor> {
    const shape = [this.#images, ...this.#shape];
    return Object.fromEntries(Object.entries<Float32Array>(this.#values).map(([name, data]) => [name, { shape, data }])) as Record<
      Name,
      HostTensor
    >;
  }

  /** Takes over what `state` gave. Throws where it is of other images. */
  restore(state: Readonly<Record<string, HostTensor>>): void {
    for (const name of Object.keys(this.#values) as Name[]) {
      const data = state[name]?.data;
      if (data?.length !== this.#values[name].length)
        throw new RampartError(`[state ${name}] expected ${this.#values[name].length} numbers, got ${data?.length ?? 'none'}`);
      this.#values[name] = data;
    }
  }
}
