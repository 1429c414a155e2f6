/** No defense: cross-entropy on clean images, what every other row is compared with. */
import { z } from 'zod';
import { defineDefense } from './defense.ts';

const params = z.strictObject({});

export default defineDefense<z.infer<typeof params>>({
  name: 'standard',
  title: 'No defense',
  paper: 'empirical risk minimisation',
  version: 1,
  kind: 'training',
  role: 'baseline',
  selectBy: 'clean',
  params,
  cost: () => ({ forward: 1, backward: 1 }),
  create: () => ({
    async craft() {
      return {};
    },
    objective(batch, _crafted, ctx) {
      const { logits } = ctx.forward(batch.x);
      const loss = ctx.crossEntropy(logits, batch.y);
      return { loss, logits, terms: {} };
    },
  }),
});
