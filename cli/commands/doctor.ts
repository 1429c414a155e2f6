/** `rampart doctor`: which engines, devices and data sets are usable here, and the command that mends each one that is not. */
import { engines } from '../../engines/index.ts';
import { probeEngine } from '../../harness/run/local/process-executor.ts';
import { Registry } from '../../harness/suite/registry.ts';
import { dataDirOf, type RawOptions } from '../options.ts';
import { bold, dim, green, print, printJson, red } from '../output.ts';

interface Finding {
  readonly kind: 'engine' | 'data set';
  readonly name: string;
  readonly usable: boolean;
  readonly detail: string;
  readonly remedy?: string;
  readonly facts?: Readonly<Record<string, string>>;
}

/** Exit code 0 when at least one engine works: nothing else is needed to run. */
export async function doctorCommand(options: RawOptions, signal: AbortSignal): Promise<number> {
  const findings = [...(await engineFindings(signal)), ...(await dataFindings(options, signal))];
  if (options.json) printJson(findings);
  else for (const kind of ['engine', 'data set'] as const) show(kind, findings);
  return findings.some((f) => f.kind === 'engine' && f.usable) ? 0 : 1;
}

/** Each engine is started in a process of its own: what looks usable may still crash. */
async function engineFindings(signal: AbortSignal): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const engine of [...engines].sort((a, b) => b.rank - a.rank)) {
    const { usable, detail, remedy } = await (engine.diagnose?.() ?? engine.probe());
    const finding: Finding = { kind: 'engine', name: engine.name, usable, detail, remedy };
    findings.push(usable ? await started(finding, signal) : finding);
  }
  return findings;
}

async function started(finding: Finding, signal: AbortSignal): Promise<Finding> {
  try {
    const { info, devices } = await probeEngine({ request: finding.name, threads: 1 }, signal);
    const warnings = Object.fromEntries(info.warnings.map((text, i) => [`warning ${i + 1}`, text]));
    return { ...finding, facts: { version: info.version, devices: devices.join(', '), ...info.details, ...warnings } };
  } catch (error) {
    return { ...finding, usable: false, detail: `does not start: ${(error as Error).message}` };
  }
}

async function dataFindings(options: RawOptions, signal: AbortSignal): Promise<Finding[]> {
  const findings: Finding[] = [];
  const load = { dataDir: dataDirOf(options), download: options.download !== false, signal };
  for (const plugin of new Registry().datasets.values())
    findings.push({ kind: 'data set', name: plugin.name, ...(await plugin.check(load)) });
  return findings;
}

function show(kind: Finding['kind'], findings: readonly Finding[]): void {
  print(bold(`${kind}s`));
  for (const { name, usable, detail, remedy, facts = {} } of findings.filter((f) => f.kind === kind)) {
    print(`  ${usable ? green('ok') : red('no')}  ${name}: ${detail}`);
    for (const [key, value] of Object.entries(facts)) print(dim(`        ${key}: ${value}`));
    if (!usable && remedy) print(`        to mend it: ${remedy}`);
  }
}
