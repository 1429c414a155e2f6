/**
 * What networks are computed in. `fp32`: float32 throughout. `tf32`: on an NVIDIA GPU, factors of convolutions rounded to 10 bits, as PyTorch
 * has it unless told otherwise. `bf16`: a network that is attacked has its convolutions in bfloat16; training stays in float32.
 */
export const PRECISIONS = ['fp32', 'tf32', 'bf16'] as const;
export type Precision = (typeof PRECISIONS)[number];
