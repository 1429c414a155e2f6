/** Suites for tests: YAML text with the parts that a test changes. */
import { resolveSuite } from '../../harness/suite/read.ts';

/** A suite that is right, as lines by key; a test replaces or adds some. */
const GOOD: Record<string, string> = {
  name: 'name: small',
  title: 'title: Small',
  datasets: 'datasets: [{ name: shapes, train: 300, test: 40 }]',
  threats: 'threats: [{ norm: Linf, eps: 8/255 }]',
  architectures: 'architectures: [cnn-small]',
  recipe: 'recipe: { epochs: 2, validation: 40, batchSize: 64 }',
  defenses: 'defenses: [standard, trades]',
  attacks: 'attacks: [fgsm, { name: pgd, steps: 3 }]',
  diagnosis: 'diagnosis: off',
};

export function suiteText(changes: Record<string, string> = {}): string {
  return `${Object.values({ ...GOOD, ...changes }).join('\n')}\n`;
}

export async function suiteWith(changes: Record<string, string> = {}, file = 'small.yml') {
  return resolveSuite(suiteText(changes), file);
}

/** The message with which a suite is refused. */
export async function refusal(changes: Record<string, string>): Promise<string> {
  const result = await suiteWith(changes).catch((error: Error) => error);
  if (!(result instanceof Error)) throw new Error('the suite was taken');
  return result.message;
}
