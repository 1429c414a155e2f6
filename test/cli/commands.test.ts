import { join } from 'node:path';
import { expect, test } from 'vitest';
import { filesBelow, put, rampart, workFolder } from '../e2e/cli.ts';

const SUITE = `
name: small
title: Small
datasets: [{ name: shapes, train: 120, test: 16 }]
threats: [{ norm: Linf, eps: 4/255 }]
architectures: [cnn-small]
recipe: { epochs: 1, validation: 16, batchSize: 32 }
defenses: [standard]
attacks: [fgsm, { name: pgd, steps: 5 }]
`;

test('ls names every family, with parameters and defaults', () => {
  const { code, output } = rampart('ls', '--json');
  expect(code).toBe(0);
  const lists = JSON.parse(output) as Record<string, { name: string; params: { name: string; type: string; default: unknown }[] }[]>;
  expect(Object.keys(lists)).toEqual(['defenses', 'attacks', 'datasets', 'models', 'engines', 'recipe']);
  const pgd = lists.attacks?.find((a) => a.name === 'pgd');
  expect(pgd?.params.find((p) => p.name === 'steps')).toMatchObject({ type: 'integer', default: 20 });
  expect(pgd?.params.find((p) => p.name === 'loss')).toMatchObject({ type: 'ce | margin | kl', default: 'ce' });
});

test('ls of one kind lists that kind as text', () => {
  const { code, output } = rampart('ls', 'models');
  expect(code).toBe(0);
  expect(output).toMatch(/resnet-tiny .*78 k parameters/);
});

test('plan tells passes and time, and runs nothing', () => {
  const folder = workFolder();
  const suite = put(folder, 'suite.yml', SUITE);
  const { code, output } = rampart('plan', suite, '--out', join(folder, 'out'), '--engine', 'wasm', '--json');
  expect(code, output).toBe(0);
  const plan = JSON.parse(output) as { seconds: number; jobs: { job: string; state: string; forward: number; backward: number }[] };
  expect(plan.jobs.map((j) => [j.job, j.state])).toEqual([
    ['train standard', 'to do'],
    ['clean on standard', 'to do'],
    ['fgsm Linf 4/255 on standard', 'to do'],
    ['pgd Linf 4/255 on standard', 'to do'],
  ]);
  expect(plan.jobs[3]).toMatchObject({ forward: 16 * 6, backward: 16 * 5 });
  expect(plan.seconds).toBeGreaterThan(0);
  expect(filesBelow(join(folder, 'out'))).toEqual([]);
});

test('plan tells the hours of a device whose speed is given, and refuses what is none', () => {
  const folder = workFolder();
  const suite = put(folder, 'suite.yml', SUITE);
  const planned = (speed: string, ...more: string[]) =>
    rampart('plan', suite, '--out', join(folder, 'out'), '--engine', 'wasm', '--speed', speed, ...more);
  const { deviceHours } = JSON.parse(planned('100,200', '--json').output);
  expect(deviceHours.speed).toEqual({ training: 100, attacks: 200 });
  expect(deviceHours.rows).toMatchObject([{ architecture: 'cnn-small', dataset: 'shapes', trainings: 1 }]);
  expect(deviceHours.total.attacksAtMost).toBeCloseTo(2 * deviceHours.total.attacks, 12);
  expect(planned('1e-3').output).toMatch(/cnn-small +shapes +1 +[\d.]+ +[\d.]+ +[\d.]+/);
  for (const wrong of ['fast', '0', '1,2,3', '100,'])
    expect(planned(wrong)).toMatchObject({ code: 2, output: expect.stringContaining('[--speed] expected GFLOP/s') });
});

test('validate takes a suite that is right and refuses one that is not', () => {
  const folder = workFolder();
  expect(rampart('validate', put(folder, 'good.yml', SUITE))).toMatchObject({ code: 0 });
  expect(rampart('validate', put(folder, 'bad.yml', SUITE.replace('epochs', 'epocs')))).toMatchObject({ code: 2 });
});

test('doctor finds wasm and shapes usable, and says how to mend what is not', { timeout: 120_000 }, () => {
  const folder = workFolder();
  const { code, output } = rampart('doctor', '--data', folder, '--no-download', '--json');
  expect(code, output).toBe(0);
  const findings = JSON.parse(output) as { name: string; usable: boolean; remedy?: string }[];
  const of = (name: string) => findings.find((f) => f.name === name);
  expect(of('wasm')?.usable).toBe(true);
  expect(of('shapes')?.usable).toBe(true);
  expect(of('cifar10')).toMatchObject({ usable: false });
  for (const finding of findings) if (!finding.usable) expect(finding.remedy, finding.name).toBeTruthy();
});

test('unknown commands, options and values are refused with exit code 2', { timeout: 120_000 }, () => {
  expect(rampart('rnu')).toMatchObject({ code: 2, output: expect.stringMatching('unknown command "rnu"') });
  expect(rampart('run', '--bogus')).toMatchObject({ code: 2, output: expect.stringMatching('Unknown option `--bogus`') });
  expect(rampart('run', '--workers', 'many')).toMatchObject({
    code: 2,
    output: expect.stringMatching(/\[--workers\] expected a positive whole number, got "many"/),
  });
  expect(rampart('ls', 'atacks')).toMatchObject({ code: 2, output: expect.stringMatching('did you mean "attacks"?') });
  expect(rampart('report', workFolder())).toMatchObject({ code: 2, output: expect.stringMatching('holds no records') });
});

test('the help names every command', () => {
  const { code, output } = rampart('--help');
  expect(code).toBe(0);
  for (const name of ['run', 'plan', 'ls', 'validate', 'report', 'serve', 'doctor', 'time', 'new'])
    expect(output).toMatch(new RegExp(`^  ${name} `, 'm'));
});

test.each(['run', 'eval', 'doctor'])('the help of %s does not say that nothing is downloaded unless told', (name) => {
  const { output } = rampart(name, '--help');
  expect(output).toMatch(/^ +--no-download +\S.*[^)]$/m);
  expect(output).toContain('(default: data)');
});
