/** The contract of a common corruption: what happens to an image with no attacker behind it, Hendrycks and Dietterich 2019 (arXiv 1903.12261). */
import type { Rng } from '../tensor/rng.ts';

/** Side and channels of the images that the parameters are for: those of CIFAR-10-C. */
export const SIDE = 32;
export const CHANNELS = 3;

export const SEVERITIES = [1, 2, 3, 4, 5] as const;
export type Severity = (typeof SEVERITIES)[number];

/** What a corruption is given for each severity, the mildest first. */
export type BySeverity<T> = readonly [T, T, T, T, T];

/** The groups of the paper. */
export type CorruptionGroup = 'noise' | 'blur' | 'weather' | 'digital';

/** The threat of one corruption: no ball, but one image for each image. */
export interface CorruptionThreat {
  readonly kind: 'corruption';
  readonly name: string;
  readonly version: number;
  readonly severity: Severity;
  /** SHA-256 of the photographs that frost is made of, which are an artifact. */
  readonly photographs?: string | undefined;
}

export interface Corruption {
  /** As the files of CIFAR-10-C are called: `gaussian_noise`. */
  readonly name: string;
  readonly title: string;
  readonly group: CorruptionGroup;
  /** Raised when the same image and draws would give other bytes. */
  readonly version: number;
  /**
   * The corrupted image. `image` is `[32,32,3]` bytes and stays as it is. Computed on the host in doubles, so that no engine changes a byte;
   * `rng` gives every draw, in the order in which the authors' code makes them.
   */
  apply(image: Uint8Array, severity: Severity, rng: Rng): Uint8Array;
}

/** A corruption with a parameter for each severity. */
export function defineCorruption<P>(
  about: Pick<Corruption, 'name' | 'title' | 'group'>,
  parameters: BySeverity<P>,
  apply: (image: Uint8Array, parameter: P, rng: Rng) => Uint8Array,
): Corruption {
  return { ...about, version: 1, apply: (image, severity, rng) => apply(image, parameters[severity - 1] as P, rng) };
}

/** Bytes as numbers in [0,1]. */
export const unit = (image: Uint8Array): Float64Array => Float64Array.from(image, (byte) => byte / 255);

/** Numbers in [0,1], cut to that, as bytes: rounded down, as the authors' code does. */
export const bytes = (values: ArrayLike<number>): Uint8Array =>
  Uint8Array.from({ length: values.length }, (_, i) => Math.min(Math.max(values[i] as number, 0), 1) * 255);

/** The same in float32, where the authors' code computes in that. */
export const bytesOfFloats = (values: Float32Array): Uint8Array =>
  Uint8Array.from(values, (value) => Math.fround(Math.min(Math.max(value, 0), 1) * 255));
