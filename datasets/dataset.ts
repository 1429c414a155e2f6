/** The contract of a data set: labels of each split, and its images, which are read by piece. */
import type { ZodType } from 'zod';
import type { Shape } from '../tensor/tf.ts';

/** Images in NHWC order, `k * h * w * c` values: bytes, each of which stands for byte / 255, or float32 in [0,1]. */
export type Pixels = Uint8Array | Float32Array;

export interface Split {
  readonly n: number;
  /** `n` labels, each in [0,classes). */
  readonly labels: Int32Array;
  /** The images at `places`, each in [0,n), in that order. The same images are the same pixels every time; the caller may write into what it gets. */
  read(places: ArrayLike<number>): Promise<Pixels>;
}

export interface Dataset {
  readonly name: string;
  readonly shape: Shape;
  readonly classNames: readonly string[];
  /** Per-channel mean and standard deviation of the training pixels in [0,1], for the normalisation inside a classifier. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly train: Split;
  readonly test: Split;
}

export interface LoadOptions {
  /** Folder with the data set's files (`--data`); where a download goes. */
  readonly dataDir: string;
  /** At most so many images from the start of each split. */
  readonly limit?: { train?: number; test?: number };
  /** False: a missing file is an error and nothing is fetched. */
  readonly download: boolean;
  readonly signal?: AbortSignal;
  onProgress?(message: string, done: number, total: number): void;
}

export interface DatasetPlugin<P = unknown> {
  readonly name: string;
  readonly title: string;
  readonly source: string;
  readonly version: number;
  /** Of an image; absent where only the files tell, and then `load` does. */
  readonly shape?: Shape;
  /** Absent where only parameters or files tell. */
  readonly classes?: number;
  /** How many images each split has, where that is known before they are loaded. */
  readonly counts?: { readonly train: number; readonly test: number };
  readonly params: ZodType<P>;
  load(params: P, options: LoadOptions): Promise<Dataset>;
  /**
   * Paths of all files that `load` would read: none where the images follow from the parameters alone, undefined while one is not there.
   * A run that finds them as an earlier one left them need not load; without this method, every run does.
   */
  files?(params: P, options: LoadOptions): Promise<readonly string[] | undefined>;
  /** Whether it can be used here, and the command that mends it if not. */
  check(options: LoadOptions): Promise<{ usable: boolean; detail: string; remedy?: string }>;
}

export function defineDataset<P>(plugin: DatasetPlugin<P>): DatasetPlugin {
  return plugin as unknown as DatasetPlugin;
}
