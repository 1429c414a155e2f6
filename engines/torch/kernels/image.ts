/** Resizing, with gradients. */
import type { tf } from '../../../tensor/tf.ts';
import { kernel } from '../kernel.ts';

interface Resize {
  alignCorners: boolean;
  halfPixelCenters: boolean;
  size: [number, number];
}

export const images: tf.KernelConfig[] = [
  kernel<Resize>('ResizeBilinear', ({ ops, slot, attrs: a }) =>
    ops.resizeBilinear(slot('images'), a.size[0], a.size[1], a.alignCorners, a.halfPixelCenters),
  ),
  kernel<Resize>('ResizeBilinearGrad', ({ ops, slot, shape, attrs: a }) =>
    ops.resizeBilinearGrad(slot('dy'), shape('images'), a.alignCorners, a.halfPixelCenters ?? false),
  ),
  kernel<Resize>('ResizeNearestNeighbor', ({ ops, slot, attrs: a }) =>
    ops.resizeNearest(slot('images'), a.size[0], a.size[1], a.alignCorners, a.halfPixelCenters),
  ),
  kernel<Resize>('ResizeNearestNeighborGrad', ({ ops, slot, shape, attrs: a }) =>
    ops.resizeNearestGrad(slot('dy'), shape('images'), a.alignCorners, a.halfPixelCenters ?? false),
  ),
];
