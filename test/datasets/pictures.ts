/** Folders of small images, made for a test. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PNG } from 'pngjs';
import { temporaryFolder } from './files.ts';

/** A PNG of one gray value. */
export function png(value: number, width = 2, height = 2): Uint8Array {
  const image = new PNG({ width, height, colorType: 2 });
  for (let i = 0; i < image.data.length; i++) image.data[i] = i % 4 === 3 ? 255 : value;
  return PNG.sync.write(image, { colorType: 2 });
}

/** A folder with files by path below it; a number stands for a 2x2 image of that gray value, a text for itself. */
export function folderOf(files: Record<string, Uint8Array | number | string>): string {
  const root = temporaryFolder();
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), typeof content === 'number' ? png(content) : content);
  }
  return root;
}
