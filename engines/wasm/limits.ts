/** Calls that the wasm backend's own kernels refuse or answer with what lies beside their inputs: refused with a reason, or handed to the plain backend. */
import { tf } from '../../tensor/tf.ts';
import { borrow } from './borrowed.ts';
import type { Kernel } from './kernel.ts';
import type { KernelArgs } from './memory.ts';

type Call = Pick<KernelArgs, 'inputs' | 'attrs'>;

const integers = ({ inputs }: Call): boolean => Object.values(inputs).some((t) => t.dtype !== 'float32');

/** Whether some window of a pool lies in the padding alone: the backend reads beyond the image then. */
function windowBesideImage({ inputs, attrs }: Call): boolean {
  const { filterSize, strides, pad, dimRoundingMode } = attrs as Record<string, number> & { dimRoundingMode?: 'floor' };
  const shape = inputs.x?.shape as [number, number, number, number];
  const info = tf.backend_util.computePool2DInfo(shape, filterSize as number, strides as number, 1, pad as number, dimRoundingMode);
  const { top, left } = info.padInfo;
  if (top >= info.filterHeight || left >= info.filterWidth) return true;
  const [lastRow, lastColumn] = [(info.outHeight - 1) * info.strideHeight - top, (info.outWidth - 1) * info.strideWidth - left];
  return lastRow >= info.inHeight || lastColumn >= info.inWidth;
}

/** Whether the slopes of a PReLU do not repeat with the last axes of `x`, as the backend takes them to. */
function slopesAcross({ inputs }: Call): boolean {
  const { x, alpha } = inputs as Record<'x' | 'alpha', tf.TensorInfo>;
  const first = alpha.shape.findIndex((size) => size !== 1);
  const own = first < 0 ? [] : alpha.shape.slice(first);
  return !tf.util.arraysEqual(own, x.shape.slice(x.shape.length - own.length));
}

const BEYOND: Readonly<Record<string, (call: Call) => boolean>> = {
  BatchMatMul: integers,
  MaxPool: (call) => integers(call) || windowBesideImage(call),
  AvgPool: windowBesideImage,
  Prelu: (call) => integers(call) || slopesAcross(call),
  Bincount: ({ inputs }) => inputs.x?.shape.length !== 1,
};

/** The backend's own copies what lies past the end. */
const slice: Kernel = ({ inputs, attrs }) => {
  const { x } = inputs as { x: tf.TensorInfo };
  const [begin, size] = tf.slice_util.parseSliceParams(x, attrs.begin as number[], attrs.size as number[]) as [number[], number[]];
  tf.slice_util.assertParamsValid(x, begin, size);
  return undefined;
};

export function limitedKernels(): Record<string, Kernel> {
  const handed = Object.entries(BEYOND).map(([name, beyond]): [string, Kernel] => {
    const borrowed = borrow(name);
    return [name, (args) => (beyond(args) ? borrowed?.(args) : undefined)];
  });
  return { ...Object.fromEntries(handed), Slice: slice };
}
