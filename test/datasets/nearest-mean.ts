/** The simplest classifier there is, to show that a data set needs a better one. */
import type { Split } from '../../datasets/dataset.ts';
import { pixelsOf } from './files.ts';

/** Accuracy on `test` of the class whose mean training image is nearest. */
export async function nearestMean(train: Split, test: Split, classes: number): Promise<number> {
  const [trainPixels, testPixels] = [await pixelsOf(train), await pixelsOf(test)];
  const d = trainPixels.length / train.n;
  const means = Array.from({ length: classes }, () => new Float64Array(d));
  const counts = new Array<number>(classes).fill(0);
  for (let i = 0; i < train.n; i++) {
    const label = train.labels[i] as number;
    counts[label] = (counts[label] as number) + 1;
    const mean = means[label] as Float64Array;
    for (let k = 0; k < d; k++) mean[k] = (mean[k] as number) + (trainPixels[i * d + k] as number);
  }
  let right = 0;
  for (let i = 0; i < test.n; i++) {
    const distances = means.map((mean, c) => {
      let sum = 0;
      for (let k = 0; k < d; k++) sum += ((testPixels[i * d + k] as number) - (mean[k] as number) / (counts[c] as number)) ** 2;
      return sum;
    });
    if (distances.indexOf(Math.min(...distances)) === test.labels[i]) right++;
  }
  return right / test.n;
}
