/** The data sets of the package that small files or none suffice for. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { arrays } from '../../datasets/arrays.ts';
import { cifarPlugin } from '../../datasets/cifar.ts';
import { folder } from '../../datasets/folder.ts';
import { mnist } from '../../datasets/mnist.ts';
import { shapes } from '../../datasets/shapes.ts';
import { testDataset } from '../contract/dataset.ts';
import { mnistFiles, smallCifar, writeCifar, writeFiles } from './files.ts';
import { npy, npz } from './numpy.ts';
import { png } from './pictures.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'rampart-data-'));
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

const cifar = smallCifar(3, 4);
writeCifar(cifar, join(dataDir, cifar.folder));
writeFiles(join(dataDir, 'mnist'), mnistFiles());
writeFiles(join(dataDir, 'photos/a'), { '1.png': png(10), '2.png': png(20) });
writeFiles(join(dataDir, 'photos/b'), { '1.png': png(30) });
const floats = Float32Array.from({ length: 6 * 3 * 4 * 2 }, (_, i) => i / 144);
const labels = npy('|u1', [6], Uint8Array.of(0, 1, 2, 0, 1, 2));
writeFiles(dataDir, {
  'x.npz': npz({ x: npy('<f4', [6, 3, 4, 2], floats), y: labels, x_train: npy('<f4', [6, 3, 4, 2], floats), y_train: labels }),
});

testDataset(shapes);
testDataset(cifarPlugin(cifar), {}, dataDir);
testDataset(mnist, {}, dataDir);
testDataset(arrays, { file: 'x.npz' }, dataDir);
testDataset(folder, { folder: 'photos', trainFolder: 'photos' }, dataDir);
