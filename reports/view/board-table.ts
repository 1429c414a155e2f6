/** The leaderboard as a table: the same columns on the page, in CSV, JSON, LaTeX and Markdown. */
import { radius } from '../formats/format.ts';
import type { Column, Table, Value } from '../formats/table.ts';
import { type Board, type Row, trainingPasses } from './leaderboard.ts';

/** A column with the section of the model's page that holds its evidence. */
export interface BoardColumn extends Column {
  readonly anchor: string;
  /** Shown without being asked for. */
  readonly shown: boolean;
  readonly group: 'model' | 'robustness' | 'attack' | 'cost' | 'more';
  /** For the column chooser and as the tooltip of the heading. */
  readonly help: string;
  value(row: Row): Value;
}

/** Where a cell of this board is explained on its model's page. */
export const attackAnchor = (attackSlug: string, board: Board, first: boolean) =>
  first || attackSlug === 'clean' ? attackSlug : `${attackSlug}-${board.id}`;

/** All columns of a board. `first` says that it is the front page's. */
export function boardColumns(board: Board, first: boolean): BoardColumn[] {
  const worst = first ? 'worst' : `worst-${board.id}`;
  const distinct = (value: (row: Row) => string) => new Set(board.rows.map(value)).size > 1;
  const hasRatio = board.rows.some((r) => r.ratio);
  return [
    {
      key: 'rank',
      title: 'Rank',
      kind: 'count',
      anchor: worst,
      shown: true,
      group: 'model',
      help: '1 + the number of models that are significantly better (paired McNemar test, Holm-corrected, 5 %). Equal ranks are ties.',
      value: (r) => r.rank ?? null,
    },
    {
      key: 'model',
      title: 'Model',
      kind: 'text',
      anchor: '',
      shown: true,
      group: 'model',
      help: 'The name in its suite.',
      value: (r) => r.model.name,
    },
    {
      key: 'worst_case',
      title: 'Worst case',
      kind: 'accuracy',
      anchor: worst,
      shown: true,
      group: 'robustness',
      help: 'Percent of test images that no attack broke, taken per image, with the 95 % Wilson interval.',
      value: (r) => r.worst?.accuracy ?? null,
    },
    {
      key: 'worst_case_low',
      title: 'Low',
      kind: 'accuracy',
      wide: false,
      anchor: worst,
      shown: false,
      group: 'robustness',
      help: 'Lower end of the 95 % Wilson interval of the worst case.',
      value: (r) => r.worst?.interval[0] ?? null,
    },
    {
      key: 'worst_case_high',
      title: 'High',
      kind: 'accuracy',
      wide: false,
      anchor: worst,
      shown: false,
      group: 'robustness',
      help: 'Upper end of the 95 % Wilson interval of the worst case.',
      value: (r) => r.worst?.interval[1] ?? null,
    },
    {
      key: 'n',
      title: 'Images',
      kind: 'count',
      wide: true,
      anchor: worst,
      shown: false,
      group: 'robustness',
      help: 'Test images that every attack saw: those the worst case is taken on.',
      value: (r) => r.worst?.n ?? null,
    },
    ...board.attacks.map(
      (attack): BoardColumn => ({
        key: attack.label,
        title: attack.attack.name === 'clean' ? 'Clean' : attack.label,
        kind: 'accuracy',
        anchor: attackAnchor(attack.slug, board, first),
        shown: true,
        group: 'attack',
        help:
          attack.attack.name === 'clean'
            ? 'Percent of test images classified right without an attack.'
            : `Percent still classified right under ${attack.attack.title}.`,
        value: (r) => {
          const cell = r.cells.get(attack.id);
          return cell?.status === 'done' ? cell.accuracy : null;
        },
      }),
    ),
    {
      key: 'pgd_gap',
      title: 'PGD − AA',
      kind: 'accuracy',
      wide: true,
      anchor: worst,
      shown: board.rows.some((r) => r.gap !== undefined),
      group: 'robustness',
      help: 'Points of accuracy between the strongest PGD and AutoAttack on the same images: how much a PGD figure flatters.',
      value: (r) => r.gap ?? null,
    },
    {
      key: 'training_ratio',
      title: 'Training ×',
      kind: 'number',
      anchor: 'cost',
      shown: hasRatio,
      group: 'cost',
      help: 'Passes of training over those of the standard model of the same architecture and data.',
      value: (r) => r.ratio?.passes ?? null,
    },
    {
      key: 'training_time_ratio',
      title: 'Time ×',
      kind: 'number',
      wide: true,
      anchor: 'cost',
      shown: false,
      group: 'cost',
      help: 'Wall time of training against the standard model, where both were trained on the same machine.',
      value: (r) => r.ratio?.time ?? null,
    },
    {
      key: 'training_passes',
      title: 'Training passes',
      kind: 'count',
      wide: true,
      anchor: 'cost',
      shown: !hasRatio,
      group: 'cost',
      help: 'Forward and backward passes of training, summed over examples.',
      value: (r) => trainingPasses(r.model.record) || null,
    },
    {
      key: 'optimizer_steps',
      title: 'Optimizer steps',
      kind: 'count',
      wide: true,
      anchor: 'cost',
      shown: false,
      group: 'cost',
      help: 'Updates of the weights.',
      value: (r) => r.model.record.cost.optimizerSteps || null,
    },
    {
      key: 'training_ms',
      title: 'Training time',
      kind: 'count',
      wide: true,
      anchor: 'cost',
      shown: true,
      group: 'cost',
      help: 'Wall time of training on the machine in the record.',
      value: (r) => Math.round(r.model.record.cost.wallMs) || null,
    },
    {
      key: 'attack_passes',
      title: 'Attack passes',
      kind: 'count',
      wide: true,
      anchor: 'cells',
      shown: false,
      group: 'cost',
      help: 'Forward and backward passes of all attacks of this table, summed over examples.',
      value: (r) => r.attackCost.forward + r.attackCost.backward,
    },
    {
      key: 'attack_ms',
      title: 'Attack time',
      kind: 'count',
      wide: true,
      anchor: 'cells',
      shown: false,
      group: 'cost',
      help: 'Wall time of all attacks of this table.',
      value: (r) => Math.round(r.attackCost.wallMs),
    },
    {
      key: 'defense',
      title: 'Defense',
      kind: 'text',
      wide: true,
      anchor: 'recipe',
      shown: false,
      group: 'more',
      help: 'How the model was made robust.',
      value: (r) => r.model.record.defense.name,
    },
    {
      key: 'architecture',
      title: 'Architecture',
      kind: 'text',
      wide: true,
      anchor: 'recipe',
      shown: distinct((r) => r.model.record.arch.name),
      group: 'more',
      help: 'The network.',
      value: (r) => r.model.record.arch.name,
    },
    {
      key: 'parameters',
      title: 'Parameters',
      kind: 'count',
      wide: true,
      anchor: 'recipe',
      shown: false,
      group: 'more',
      help: 'Trainable numbers of the network.',
      value: (r) => r.model.record.arch.parameters || null,
    },
    {
      key: 'extra_data',
      title: 'Extra data',
      kind: 'text',
      wide: true,
      anchor: 'recipe',
      shown: distinct((r) => String(r.model.record.extraData)),
      group: 'more',
      help: 'Whether training used images beyond the data set.',
      value: (r) => r.model.record.extraData,
    },
    {
      key: 'seed',
      title: 'Seed',
      kind: 'count',
      wide: true,
      anchor: 'recipe',
      shown: false,
      group: 'more',
      help: 'The seed of training.',
      value: (r) => r.model.record.seed,
    },
    {
      key: 'seeds',
      title: 'Seeds',
      kind: 'count',
      wide: true,
      anchor: 'seeds',
      shown: false,
      group: 'more',
      help: 'Models that differ only in their seed, with mean and standard deviation of their worst cases.',
      value: (r) => r.seeds?.count ?? 1,
    },
    {
      key: 'seeds_mean',
      title: 'Seed mean',
      kind: 'accuracy',
      wide: true,
      anchor: 'seeds',
      shown: board.rows.some((r) => r.seeds),
      group: 'more',
      help: 'Mean worst case over the seeds, ± standard deviation.',
      value: (r) => r.seeds?.mean ?? null,
    },
    {
      key: 'seeds_deviation',
      title: 'Seed deviation',
      kind: 'accuracy',
      wide: true,
      anchor: 'seeds',
      shown: false,
      group: 'more',
      help: 'Standard deviation of the worst case over the seeds.',
      value: (r) => r.seeds?.deviation ?? null,
    },
    {
      key: 'flags',
      title: 'Flags',
      kind: 'text',
      wide: true,
      anchor: 'flags',
      shown: board.rows.some((r) => r.flags.length > 0),
      group: 'more',
      help: 'Conditions that a reader should know of; each is explained on the methods page.',
      value: (r) => [...new Set(r.flags.map((f) => f.flag.name))].join(' '),
    },
  ];
}

/** The whole board, one row per model in rank order. */
export function boardTable(board: Board, columns: readonly BoardColumn[]): Table {
  const n = [...new Set(board.rows.flatMap((r) => r.worst?.n ?? []))].sort((a, b) => a - b).join(' to ');
  return {
    name: 'leaderboard',
    caption: `Robust accuracy in percent on ${board.dataset.name} at ${board.threat.norm} ${radius(board.threat.eps)}, ${n || 'no'} test images: worst case per image over all attacks, with its 95 % Wilson interval. Equal ranks are ties (paired McNemar tests, Holm-corrected, 5 %).`,
    columns: columns.map(({ key, title, kind, wide }) => ({ key, title, kind, ...(wide ? { wide } : {}) })),
    rows: board.rows.map((row) => columns.map((c) => c.value(row))),
  };
}
