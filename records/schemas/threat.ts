/** What a model was asked to withstand, as records have it. */
import { z } from 'zod';
import { SIZES } from '../../tensor/norms/index.ts';

/** What an attacker might do: a ball where no kind is given. */
export const ballSchema = z.strictObject({ kind: z.literal('ball').optional(), norm: z.enum(SIZES), eps: z.number() });

/** What happened to the images with no attacker behind it: a common corruption, by its name and version. */
export const corruptionSchema = z.strictObject({
  kind: z.literal('corruption'),
  name: z.string(),
  version: z.int(),
  severity: z.int().min(1).max(5),
  /** SHA-256 of the photographs that it is made of, for frost. */
  photographs: z.string().optional(),
});
