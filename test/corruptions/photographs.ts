/** What stands for the photographs of frost in tests: slopes of colours, as the golden vectors of `frost` were made with. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PNG } from 'pngjs';

/** Writes frost1.png to frost5.png, each 5 pixels wider and higher than the one before. */
export function writePhotographs(folder: string): void {
  for (let nth = 1; nth <= 5; nth++) {
    const image = new PNG({ width: 180 + 5 * nth, height: 170 + 5 * nth });
    for (let i = 0; i < image.width * image.height; i++) {
      const [y, x] = [Math.floor(i / image.width), i % image.width];
      for (let c = 0; c < 4; c++) image.data[4 * i + c] = c === 3 ? 255 : (7 * y + 13 * x + 31 * c + 17 * nth) % 256;
    }
    writeFileSync(join(folder, `frost${nth}.png`), PNG.sync.write(image));
  }
}
