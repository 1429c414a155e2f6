/** How a classifier's scores of one image stand to its class: wherever it is asked whether an answer would be another engine's too. */

/**
 * Of the largest logit: engines agree on logits to less (`test/contract/engine.ts`), so that a smaller margin is no evidence for
 * either side.
 */
export const EDGE = 1e-4;

export interface Answer {
  readonly prediction: number;
  /** Score of the label minus the largest other one: negative where that is wrong. */
  readonly margin: number;
  /** The same in units of the largest score. */
  readonly relative: number;
  /** Another engine may decide otherwise. */
  readonly edge: boolean;
}

/** The first of equal scores wins, as it does in the harness. */
export function answerOf(scores: Float32Array, label: number): Answer {
  const largest = scores.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  const others = scores.filter((_, c) => c !== label);
  const margin = (scores[label] as number) - Math.max(...others);
  const relative = largest === 0 ? 0 : margin / largest;
  return { prediction: scores.indexOf(Math.max(...scores)), margin, relative, edge: Math.abs(margin) <= EDGE * largest };
}
