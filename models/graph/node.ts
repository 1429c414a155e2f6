/** What the nodes of every graph have in common: their number, and the shape of what they learn. */

/** Index of a node in its graph. */
export type NodeId = number;

/** What a batch normalisation adds to a variance where nothing else is said, as PyTorch's. */
export const BN_EPS = 1e-5;

export interface Parameter {
  readonly name: string;
  /** As PyTorch stores it: `[out,in,k,k]`, `[out,in]`, `[c]`; `[1,c,1,1]` for a normalisation. */
  readonly shape: readonly number[];
  /** How it lies here: a convolution as `[k,k,in,out]`, a linear layer as `[in,out]`, the rest flat. */
  readonly layout: 'conv' | 'linear' | 'plain';
  /** False for running statistics and normalisation, which PyTorch calls buffers. */
  readonly trainable: boolean;
}
