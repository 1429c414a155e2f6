/** An ensemble of two quick members, for runs that are killed at each. */

import { z } from 'zod';
import { defineEnsemble } from '../../../attacks/attack.ts';

export default defineEnsemble({
  name: 'pair',
  title: 'A pair',
  paper: '',
  version: 1,
  access: 'gradient',
  norms: ['Linf'],
  params: z.strictObject({}),
  members: () => [
    { attack: 'pgd', params: { steps: 2 } },
    { attack: 'square', params: { queries: 12 } },
  ],
});
