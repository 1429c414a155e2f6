/** The counterexamples of a folder of records: those that hold are taken in, the others named with the reason. */
import { readdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { RampartError } from '../errors.ts';
import type { Workbench } from '../harness/counterexamples/replay.ts';
import { type Counterexamples, parseCounterexamples, type TakenCounterexamples } from '../records/evidence/counterexample.ts';
import { PATHS, placeAt } from '../records/paths.ts';
import { LIMITS, readPlain } from '../records/plain-file.ts';
import type { RampartRecord } from '../records/record.ts';
import type { Store } from '../records/store.ts';

type Refuse = (file: string, reason: string) => void;

/** In the order of their names. `refuse` is told of the others; a folder without any starts no engine. */
export async function counterexamplesOf(records: readonly RampartRecord[], store: Store, refuse: Refuse): Promise<TakenCounterexamples[]> {
  const names = await readdir(`${store.place}/${PATHS.counterexamples}`).catch(() => [] as string[]);
  const files = names.sort().map((name) => `${PATHS.counterexamples}/${name}`);
  const taken: { found: Counterexamples; taken: TakenCounterexamples }[] = [];
  let bench: Promise<Workbench> | undefined;
  for (const file of files) {
    try {
      if (placeAt(file)?.is !== 'counterexamples') throw new RampartError('not the name of a counterexample: expected NAME.safetensors');
      const bytes = await readPlain(store.place, file, LIMITS.examples);
      const found = parseCounterexamples(bytes);
      refuseCopies(
        found,
        taken.map((t) => ({ ...t.taken, ...t.found })),
      );
      bench ??= workbench(records, store);
      const { takeIn } = await import('../harness/counterexamples/replay.ts');
      const points = await takeIn(found, await bench);
      const { model, dataset, threat, attack, params, reference, finder } = found;
      const own = {
        file: file.slice(PATHS.counterexamples.length + 1),
        bytes,
        model,
        dataset,
        threat,
        attack,
        params,
        reference,
        finder,
        points,
      };
      refuseRepeats(
        own,
        taken.map((t) => t.taken),
      );
      taken.push({ found, taken: own });
    } catch (error) {
      if (!(error instanceof RampartError) && (error as NodeJS.ErrnoException).code === undefined) throw error;
      refuse(file, (error as Error).message.slice(0, 500));
    }
  }
  return taken.map((t) => t.taken);
}

async function workbench(records: readonly RampartRecord[], store: Store): Promise<Workbench> {
  const [{ chooseEngine }, { Registry }, { testImagesOf }] = await Promise.all([
    import('../engines/choose.ts'),
    import('../harness/suite/registry.ts'),
    import('../harness/counterexamples/test-images.ts'),
  ]);
  const { info: engine } = await chooseEngine('auto', { threads: availableParallelism() });
  return { records, store, registry: new Registry(), engine, images: await testImagesOf(records, store) };
}

const sameClaim = (a: Pick<Counterexamples, 'model' | 'dataset' | 'threat'>, b: typeof a) =>
  a.model.key === b.model.key && a.dataset === b.dataset && a.threat.norm === b.threat.norm && a.threat.eps === b.threat.eps;

/** The same points under another name, or the same attack of the same source. */
function refuseCopies(found: Counterexamples, before: readonly (Counterexamples & { file: string })[]): void {
  const same = before.filter((other) => sameClaim(found, other));
  const isCopy = (other: Counterexamples) =>
    other.images.join() === found.images.join() && other.adversarial.every((v, i) => v === found.adversarial[i]);
  const copy = same.find(isCopy);
  if (copy) throw new RampartError(`[counterexample] repeats ${copy.file}: the same points under another name`);
  const again = same.find((other) => found.reference !== undefined && other.reference === found.reference && other.attack === found.attack);
  if (again) throw new RampartError(`[counterexample] repeats ${again.file}: the same attack of the same source`);
}

/** A point adds nothing where its image is broken already; all of an attack that has a source is shown beside the others. */
function refuseRepeats(own: TakenCounterexamples, before: readonly TakenCounterexamples[]): void {
  if (own.reference !== undefined) return;
  const counted = own.points.filter((point) => point.counted).map(({ image }) => image);
  const earlier = before.filter((other) => sameClaim(own, other));
  const of = (image: number) => earlier.find((other) => other.points.some((point) => point.image === image));
  const [first = -1] = counted;
  if (counted.every(of)) throw new RampartError(`[counterexample] adds nothing: image ${first} is broken in ${of(first)?.file} already`);
}
