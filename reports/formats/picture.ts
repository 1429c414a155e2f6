/** Images as PNG. */
import { PNG } from 'pngjs';

/** Images `[h,w,c]` in [0,1] of 1 or 3 channels side by side, `gap` transparent pixels between them. */
export function picture(images: readonly Float32Array[], [h, w, c]: readonly [number, number, number], gap = 0): Buffer {
  const png = new PNG({ width: images.length * w + (images.length - 1) * gap, height: h });
  png.data.fill(0);
  for (const [panel, image] of images.entries())
    for (let y = 0; y < h; y++)
      for (let x = 0; x < w; x++) {
        const at = 4 * (y * png.width + panel * (w + gap) + x);
        for (let channel = 0; channel < 3; channel++) {
          const value = image[(y * w + x) * c + Math.min(channel, c - 1)] as number;
          png.data[at + channel] = Math.round(255 * Math.min(1, Math.max(0, value)));
        }
        png.data[at + 3] = 255;
      }
  return PNG.sync.write(png, { deflateLevel: 9, deflateStrategy: 3, filterType: 4 });
}
