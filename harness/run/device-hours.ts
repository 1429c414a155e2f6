/** How long a plan keeps one device busy, at a speed that somebody states of it, by architecture and data set. */
import { expectedShare, flops, type Plan, type Planned } from './plan.ts';

/** GFLOP/s, two operations to a multiply-add, a backward pass counted as a forward one: what `rampart time` shows. */
export interface Speed {
  readonly training: number;
  readonly attacks: number;
}

export interface Hours {
  readonly training: number;
  /** With the part of the passes that attacks usually spend; images that are broken are left. */
  readonly attacks: number;
  /** If no image is ever broken. */
  readonly attacksAtMost: number;
}

export interface HoursRow extends Hours {
  readonly architecture: string;
  readonly dataset: string;
  /** Trainings that are not done. */
  readonly trainings: number;
}

/** Rows in the order of the plan, without what is `done`. */
export function deviceHours(plan: Plan, speed: Speed, done: ReadonlySet<string>): { rows: HoursRow[]; total: Hours } {
  const rows = new Map<string, HoursRow>();
  for (const planned of [...plan.models, ...plan.cells]) {
    if (done.has(planned.id)) continue;
    const { arch, data } = (planned.kind === 'model' ? planned : planned.model).job;
    const key = JSON.stringify([arch.name, data.label]);
    const row = rows.get(key) ?? { architecture: arch.name, dataset: data.label, trainings: 0, training: 0, attacks: 0, attacksAtMost: 0 };
    rows.set(key, added(row, planned, speed));
  }
  const sum = (part: keyof Hours) => [...rows.values()].reduce((total, row) => total + row[part], 0);
  return { rows: [...rows.values()], total: { training: sum('training'), attacks: sum('attacks'), attacksAtMost: sum('attacksAtMost') } };
}

function added(row: HoursRow, planned: Planned, speed: Speed): HoursRow {
  const hoursAt = (gflops: number) => flops(planned.work) / 1e9 / gflops / 3600;
  if (planned.kind === 'cell') {
    const most = hoursAt(speed.attacks);
    return { ...row, attacks: row.attacks + expectedShare(planned) * most, attacksAtMost: row.attacksAtMost + most };
  }
  const hours = hoursAt(speed.training);
  return { ...row, trainings: row.trainings + (hours > 0 ? 1 : 0), training: row.training + hours };
}
