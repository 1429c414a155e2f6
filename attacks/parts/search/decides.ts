/** Which of the points that an iterative attack passes decides. */
import { z } from 'zod';

/** A parameter without a default, so that attacks that are not asked are what they were. */
export const decides = z
  .enum(['any', 'last'])
  .optional()
  .describe(
    'any, unless given: an example leaves at its first misclassified point; last: the point after all steps decides, whatever the model said on the way',
  );
export type Decides = z.infer<typeof decides>;
