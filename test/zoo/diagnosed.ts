/** The diagnosis of a classifier on drawn figures, and what its checks say. */
import { attack } from '../../attacks/index.ts';
import { diagnose } from '../../harness/diagnosis/diagnose.ts';
import { type EvaluationData, predictClean } from '../../harness/evaluate/predict.ts';
import type { Classifier } from '../../models/classifier.ts';
import { type Finding, findingsOf } from '../../records/masking/checks.ts';
import { Rng } from '../../tensor/rng.ts';
import { figures } from './honest.ts';

export const THREAT = { norm: 'Linf', eps: 8 / 255 } as const;

/** The first test images of the data set that the kept models were trained on. */
export async function testFigures(n: number): Promise<EvaluationData> {
  const { test, shape } = await figures(1, n);
  return { ...test, shape };
}

/** Disposes the classifier. `images` that it gets right are looked at. */
export async function diagnosed(classifier: Classifier, data: EvaluationData, images: number, more: { batchSize?: number } = {}) {
  const subject = { classifier, name: 'in the zoo', rng: new Rng('zoo') };
  try {
    const { robust } = await predictClean(subject, data, 64);
    const { signal } = new AbortController();
    const input = {
      ...subject,
      data,
      clean: robust,
      images,
      standIn: false,
      threat: THREAT,
      batchSize: 64,
      signal,
      lookup: attack,
      ...more,
    };
    const diagnosis = await diagnose(input);
    if (diagnosis.status !== 'done') throw new Error(diagnosis.reason);
    return { diagnosis, right: robust.split('1').length - 1 };
  } finally {
    classifier.dispose();
  }
}

/** Checks that say something, with what they say. */
export function signs(findings: readonly Finding[]): Record<string, Finding['outcome']> {
  const loud = findings.filter(({ outcome }) => outcome === 'sign' || outcome === 'unreliable');
  return Object.fromEntries(loud.map(({ check, outcome }) => [check, outcome]));
}

export const signsOf = async (...args: Parameters<typeof diagnosed>) => signs(findingsOf((await diagnosed(...args)).diagnosis));
