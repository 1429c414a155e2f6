/** Models that are asked where they are, as a record tells of them. */
import { z } from 'zod';

/** A `torch.nn.Module` in its user's own Python, as that process told of it. */
const pythonModelSchema = z.strictObject({
  via: z.literal('python'),
  /** Without its folder. */
  file: z.string(),
  function: z.string(),
  /** The file and what it imports from below its folder; paths from there. */
  sources: z.array(z.strictObject({ path: z.string(), hash: z.string() })).readonly(),
  /** Class of the module. */
  module: z.string(),
  python: z.string(),
  torch: z.string(),
  device: z.string(),
  /** Of a GPU; else empty. */
  deviceName: z.string(),
});

/** A model behind an HTTP endpoint, as its user told of it. */
const httpModelSchema = z.strictObject({
  via: z.literal('http'),
  /** Without values of its query, which may be secret. */
  url: z.string(),
  access: z.enum(['scores', 'labels']),
  /** What its scores are: probabilities became logits by their logarithm. */
  scores: z.enum(['probabilities', 'logits']).optional(),
  /** How images were sent: `png` rounded them to 1/255 before they were asked about, checked and counted. */
  format: z.enum(['float32', 'png']),
  /** What its user calls the model that was there. */
  version: z.string(),
});

/** A model that was asked where it is rather than read. */
export const outsideSchema = z.discriminatedUnion('via', [pythonModelSchema, httpModelSchema]);
export type OutsideRecord = z.infer<typeof outsideSchema>;
