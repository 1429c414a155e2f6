/**
 * Convolutions and maxima with a margin of so many points, which tfjs-node refuses: PyTorch's networks have them, TensorFlow knows `same` and
 * `valid`. Where the margin is that of `same`, it is asked for; else the image is padded first, and its gradient cut.
 */
import { tf } from '../../tensor/tf.ts';

const BACKEND = 'tensorflow';

type Inputs = Readonly<Record<string, tf.Tensor4D>>;
type Attrs = Readonly<Record<string, unknown>>;

/** What a kernel is given of its window, and of its image: the input of that name, or the shape in the attributes where the image is what it makes. */
interface Window {
  readonly image: string | undefined;
  size(inputs: Inputs, attrs: Attrs): readonly number[];
  /** What stands in the margin. */
  readonly fill?: number;
  /** Whether it makes the gradient of the image. */
  readonly cut?: boolean;
}

const filter = (inputs: Inputs) => inputs.filter?.shape ?? [];
const filterShape = (_: Inputs, attrs: Attrs) => attrs.filterShape as number[];
const pooled = (_: Inputs, attrs: Attrs) => pair(attrs.filterSize);

const WINDOWS: Readonly<Record<string, Window>> = {
  Conv2D: { image: 'x', size: filter },
  Conv2DBackpropInput: { image: undefined, size: filter, cut: true },
  Conv2DBackpropFilter: { image: 'x', size: filterShape },
  FusedConv2D: { image: 'x', size: filter },
  DepthwiseConv2dNative: { image: 'x', size: filter },
  DepthwiseConv2dNativeBackpropInput: { image: undefined, size: filter, cut: true },
  DepthwiseConv2dNativeBackpropFilter: { image: 'x', size: filterShape },
  FusedDepthwiseConv2D: { image: 'x', size: filter },
  MaxPool: { image: 'x', size: pooled, fill: Number.NEGATIVE_INFINITY },
  MaxPoolGrad: { image: 'input', size: pooled, fill: Number.NEGATIVE_INFINITY, cut: true },
};

function pair(value: unknown): readonly number[] {
  return typeof value === 'number' ? [value, value] : ((value as readonly number[] | undefined) ?? [1, 1]);
}

const ones = (value: unknown) => pair(value).every((n) => n === 1);

/** Whether `same` puts `pad` points on each side of the image. */
function isSame(pad: number, size: readonly number[], { strides, dilations }: Attrs): boolean {
  return ones(strides) && ones(dilations) && size[0] === 2 * pad + 1 && size[1] === 2 * pad + 1;
}

function padded(window: Window, pad: number, inputs: Inputs, attrs: Attrs): { inputs: Inputs; attrs: Attrs; shape: number[] } {
  const image = window.image === undefined ? undefined : inputs[window.image];
  const shape = [...(image?.shape ?? (attrs.inputShape as number[]))];
  const [n, h, w, c] = shape as [number, number, number, number];
  if (image === undefined) return { inputs, attrs: { ...attrs, pad: 'valid', inputShape: [n, h + 2 * pad, w + 2 * pad, c] }, shape };
  const margin: [number, number] = [pad, pad];
  const larger = tf.pad(image, [[0, 0], margin, margin, [0, 0]], window.fill ?? 0);
  return { inputs: { ...inputs, [window.image as string]: larger }, attrs: { ...attrs, pad: 'valid' }, shape };
}

/** Puts these before the kernels that tfjs-node brings, once for each time that it registers its own. */
export function allowPadding(): void {
  for (const [kernelName, window] of Object.entries(WINDOWS)) {
    const own = tf.getKernel(kernelName, BACKEND);
    if (!own || 'padded' in own) continue;
    const kernelFunc = (args: { inputs: Inputs; attrs: Attrs; backend: unknown }) => {
      const run = own.kernelFunc as unknown as (args: { inputs: Inputs; attrs: Attrs; backend: unknown }) => tf.Tensor4D;
      const { pad } = args.attrs;
      // other layouts and margins that differ by side go as they came
      if (typeof pad !== 'number' || pad === 0 || args.attrs.dataFormat === 'NCHW' || args.attrs.dimRoundingMode === 'ceil')
        return run(args);
      if (isSame(pad, window.size(args.inputs, args.attrs), args.attrs)) return run({ ...args, attrs: { ...args.attrs, pad: 'same' } });
      return tf.tidy(() => {
        const { inputs, attrs, shape } = padded(window, pad, args.inputs, args.attrs);
        const made = run({ ...args, inputs, attrs });
        return window.cut ? tf.slice(made, [0, pad, pad, 0], shape as [number, number, number, number]) : made;
      });
    };
    tf.unregisterKernel(kernelName, BACKEND);
    tf.registerKernel({ ...own, padded: true, kernelFunc } as unknown as tf.KernelConfig);
  }
}
