/** The columns of the leaderboard that say what a model cost. */

import { deviceOf } from '../../records/record.ts';
import { duration } from '../formats/format.ts';
import { type ColumnSpec, short, some } from './column.ts';
import { type Board, type Row, trainingPasses } from './view.ts';

const hasRatio = some((r) => r.ratio);

/** Of a model that was trained here. */
const trainingDevice = ({ model: { record } }: Row) => (trainingPasses(record) > 0 ? deviceOf(record.provenance) : null);

const attackDevices = ({ attackCost }: Row) => attackCost.devices.join('; ') || null;

/** Whether times of the board are of several devices. */
const unlike = ({ rows }: Board, deviceOfRow: (row: Row) => string | null) =>
  new Set(rows.flatMap((row) => deviceOfRow(row) ?? [])).size > 1;

export const COSTS: readonly ColumnSpec[] = [
  {
    key: 'training_ratio',
    title: 'Training ×',
    kind: 'number',
    section: 'cost',
    shown: hasRatio,
    group: 'cost',
    help: 'Passes of training over those of the undefended model of the same architecture and data.',
    value: (r) => r.ratio?.passes ?? null,
    print: (x) => x.toFixed(1),
  },
  {
    key: 'training_time_ratio',
    title: 'Time ×',
    kind: 'number',
    wide: true,
    section: 'cost',
    shown: false,
    group: 'cost',
    help: 'Wall time of training against the undefended model, where both were trained on the same device.',
    value: (r) => r.ratio?.time ?? null,
    print: (x) => x.toFixed(1),
  },
  {
    key: 'training_passes',
    title: 'Training passes',
    kind: 'count',
    wide: true,
    section: 'cost',
    shown: (board) => !hasRatio(board),
    group: 'cost',
    help: 'Forward and backward passes of training, summed over examples.',
    value: (r) => trainingPasses(r.model.record) || null,
    print: short,
  },
  {
    key: 'optimizer_steps',
    title: 'Optimizer steps',
    kind: 'count',
    wide: true,
    section: 'cost',
    shown: false,
    group: 'cost',
    help: 'Updates of the weights.',
    value: (r) => r.model.record.cost.optimizerSteps || null,
    print: short,
  },
  {
    key: 'training_ms',
    title: 'Training time',
    kind: 'count',
    wide: true,
    section: 'cost',
    shown: true,
    group: 'cost',
    help: 'Wall time of training on the device of the record: compare it only with that of the same device.',
    value: (r) => Math.round(r.model.record.cost.wallMs) || null,
    print: duration,
    note: (row, board) => {
      const device = trainingDevice(row);
      return device !== null && unlike(board, trainingDevice) ? `on ${device}` : undefined;
    },
  },
  {
    key: 'training_device',
    title: 'Trained on',
    kind: 'text',
    filesOnly: true,
    section: 'cost',
    shown: false,
    group: 'cost',
    help: 'What the training ran on: processor or GPU, and engine.',
    value: trainingDevice,
  },
  {
    key: 'attack_passes',
    title: 'Attack passes',
    kind: 'count',
    wide: true,
    section: 'cells',
    shown: false,
    group: 'cost',
    help: 'Forward and backward passes of all attacks of this table, summed over examples.',
    value: (r) => r.attackCost.forward + r.attackCost.backward,
    print: short,
  },
  {
    key: 'attack_ms',
    title: 'Attack time',
    kind: 'count',
    wide: true,
    section: 'cells',
    shown: false,
    group: 'cost',
    help: 'Wall time of all attacks of this table, of those of a cell in shards the sum: compare it only with that of the same device.',
    value: (r) => Math.round(r.attackCost.wallMs),
    print: duration,
    note: (row, board) => (unlike(board, attackDevices) ? `on ${attackDevices(row)}` : undefined),
  },
  {
    key: 'attack_device',
    title: 'Attacked on',
    kind: 'text',
    filesOnly: true,
    section: 'cells',
    shown: false,
    group: 'cost',
    help: 'What the attacks ran on: processor or GPU, and engine.',
    value: attackDevices,
  },
];
