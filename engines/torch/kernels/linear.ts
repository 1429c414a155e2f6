/** Matrix products, sums over named axes and Fourier transforms. */
import { tf } from '../../../tensor/tf.ts';
import { kernel } from '../kernel.ts';

interface MatMul {
  transposeA: boolean;
  transposeB: boolean;
  activation?: string;
  leakyreluAlpha?: number;
}

function product(name: string) {
  return kernel<MatMul>(name, ({ ops, slot, optional, attrs }) =>
    ops.matMul(
      slot('a'),
      slot('b'),
      attrs.transposeA,
      attrs.transposeB,
      optional('bias'),
      attrs.activation ?? 'linear',
      optional('preluActivationWeights'),
      attrs.leakyreluAlpha ?? 0.2,
    ),
  );
}

export const linear: tf.KernelConfig[] = [
  product('BatchMatMul'),
  product('_FusedMatMul'),
  kernel<{ equation: string }>('Einsum', ({ ops, slots, inputs, attrs }) => {
    const { allDims, idDims } = tf.backend_util.decodeEinsumEquation(attrs.equation, slots().length);
    tf.backend_util.checkEinsumDimSizes(allDims.length, idDims, Object.values(inputs) as tf.Tensor[]);
    return ops.einsum(attrs.equation, slots());
  }),
  kernel('FFT', ({ ops, slot }) => ops.fft(slot('input'))),
  kernel('IFFT', ({ ops, slot }) => ops.ifft(slot('input'))),
];
