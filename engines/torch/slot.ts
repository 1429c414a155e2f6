/** How tensors cross the border to the addon. */

/** A tensor inside the addon, until it is released. */
export type Slot = number;

/** What an operation made: a new slot, with the shape and dtype of TensorFlow.js. */
export interface Output {
  readonly slot: Slot;
  readonly shape: number[];
  readonly dtype: 'float32' | 'int32' | 'bool' | 'complex64';
}
