/** Images as a corruption leaves them. */
import type { CorruptionThreat } from '../../corruptions/corruption.ts';
import { CHANNELS, SIDE } from '../../corruptions/corruption.ts';
import { corruption } from '../../corruptions/index.ts';
import { RampartError } from '../../errors.ts';
import type { Rng } from '../../tensor/rng.ts';
import type { EvaluationData } from './predict.ts';

/**
 * The same examples, corrupted as they are read; the random numbers of each are `rng.fork('corruption').fork(index)`, its index in the test split; `photographs` are those of frost.
 * Throws where the corruption is of another version, or the images are not bytes of 32x32x3.
 */
export function corrupted(
  data: EvaluationData,
  { name, version, severity }: CorruptionThreat,
  rng: Rng,
  photographs?: Uint8Array,
): EvaluationData {
  const made = corruption(name, photographs);
  const fail = (expected: string, got: string) => new RampartError(`[corruption ${name}] expected ${expected}, got ${got}`);
  if (made.version !== version) throw fail(`version ${version}`, String(made.version));
  const shape = [SIDE, SIDE, CHANNELS];
  if (data.shape.join() !== shape.join()) throw fail(`images of ${shape.join('x')}`, data.shape.join('x'));
  const size = SIDE * SIDE * CHANNELS;
  return {
    ...data,
    async read(places) {
      const pixels = await data.read(places);
      if (!(pixels instanceof Uint8Array)) throw fail('images in bytes', 'floats');
      const out = new Uint8Array(pixels.length);
      for (let i = 0; i < places.length; i++) {
        const place = places[i] as number;
        const draws = rng.fork('corruption').fork(data.indices?.[place] ?? place);
        out.set(made.apply(pixels.subarray(i * size, (i + 1) * size), severity, draws), i * size);
      }
      return out;
    },
  };
}
