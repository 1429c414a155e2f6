import { beforeAll, expect, test } from 'vitest';
import rays from '../../../../attacks/rays.ts';
import { distancesAt } from '../../../../bench/decision.ts';
import { startEngine } from '../../engine.ts';

beforeAll(startEngine);

/** The authors' code (uclaml/RayS at 29bc174) through bench/decision_peer.py, PyTorch 2.15: four images after 50, 100 and 250 decisions. */
const AUTHORS = [
  [0.042955, 0.0192069, 0.1898238, 0.0096525],
  [0.0382113, 0.0182552, 0.145374, 0.0083183],
  [0.0338116, 0.0167627, 0.1210074, 0.0074934],
];

test('RayS is as near to each image as that of the authors after as many decisions', async () => {
  const at = await distancesAt(rays, {}, { norm: 'Linf', images: 4, marks: [50, 100, 250] });
  at.forEach((distances, mark) => {
    distances.forEach((distance, image) => {
      // the search by halves ends within 1.8e-5
      expect(Math.abs(distance - (AUTHORS[mark]?.[image] as number))).toBeLessThan(2e-5);
    });
  });
});
