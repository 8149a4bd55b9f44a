import * as z from 'zod';
import { groupBy } from '../statistics/group-by.js';
import type { JsonObject } from '@tfjs-peft/peft-core/files';
import type { MetricsRow } from '@tfjs-peft/train';
import { type Column, type ColumnTable, writeColumns } from './column-file.js';
import { type ColumnReader, damaged, type ReadColumns } from './column-reader.js';

/** Where the numbers of a trial come from: written into every file of records. */
export interface RecordProvenance {
  readonly version: 1;
  readonly trial: string;
  readonly configHash: string;
  /** Of texts and labels of the rows of its split. */
  readonly splitHash: string;
  /** Of all rows of the task; absent in files of older versions. */
  readonly dataHash?: string;
  readonly hostFingerprint: string;
  readonly task: string;
  readonly method: string;
  readonly dataSeed: number;
  readonly trainSeed: number;
  /** Names of the columns of logits; one for a regression. */
  readonly labels: readonly string[];
  readonly regression: boolean;
  readonly headlineMetric: string;
  /** How each rule of selection judges, by name; empty for the trial's own. None for a floor. */
  readonly rules: Readonly<
    Record<string, { readonly mode: 'midpoint' | 'stochastic' | 'dropout'; readonly draws: number }>
  >;
  /** Versions, processor, backend, commit: `env.json`. */
  readonly environment: JsonObject;
}

/** The predictions for the rows of one test set at the checkpoint that a rule chose. */
export interface ItemRecords {
  /** The name of a selection rule; empty for the trial's own. */
  readonly rule: string;
  readonly split: string;
  /** Row numbers in the files of the task. */
  readonly rows: readonly number[];
  /** Class index, or the score of a regression. */
  readonly labels: readonly number[];
  /** `[rows, columns]` */
  readonly logits: Float32Array;
  readonly columns: number;
}

const splitsOfEvaluations = ['dev', 'test', 'simplex'] as const;

/** How the vertices of a simplex lie, under a name of its own beside observed test metrics. */
export const simplexPrefix = 'simplex ';

/** One measured value of one evaluation. */
export interface EvaluationRecord {
  readonly step: number;
  /** `dev`; for what was only observed, `test`, or `simplex` for how its vertices lie. */
  readonly split: (typeof splitsOfEvaluations)[number];
  /** Whose draws: empty for the trial's own validation, `:midpoint` for the deterministic pass beside it, or the name of a selection rule. */
  readonly rule: string;
  /** `headline`, `loss`, or the name of a metric; for a test `<split> <metric>`. */
  readonly metric: string;
  readonly value: number;
  /** Whether the rule took this state as its best so far. */
  readonly best: boolean;
}

/** Files of records of one trial, as far as they are there. */
export interface TrialRecords {
  readonly provenance: RecordProvenance;
  readonly items: readonly ItemRecords[];
  readonly evaluations: readonly EvaluationRecord[];
}

/** Rule of the deterministic pass that is logged beside drawn ones. */
export const midpointRule = ':midpoint';

/** Writes the predictions of a trial. Errors: `OUTPUT_UNWRITABLE`, `DISK_FULL`. */
export function writeItems(path: string, provenance: RecordProvenance, items: readonly ItemRecords[]): Promise<void> {
  const columns = items[0]?.columns ?? 0;
  const spread = <T>(pick: (one: ItemRecords) => T) => items.flatMap((one) => one.rows.map(() => pick(one)));
  const logits = Array.from({ length: columns }, (_, column): Column => ({
    name: `logit_${column}`,
    type: 'FLOAT',
    data: Float32Array.from(items.flatMap((one) => one.rows.map((_, row) => one.logits[row * columns + column]!))),
  }));
  return writeColumns(path, {
    provenance: toJson(provenance),
    columns: [
      { name: 'rule', type: 'STRING', data: spread(({ rule }) => rule) },
      { name: 'split', type: 'STRING', data: spread(({ split }) => split) },
      { name: 'row', type: 'INT32', data: items.flatMap(({ rows }) => rows) },
      { name: 'label', type: 'DOUBLE', data: items.flatMap(({ labels }) => labels) },
      ...logits,
    ],
  });
}

/** Writes what every evaluation of a run measured. Errors: `OUTPUT_UNWRITABLE`, `DISK_FULL`. */
export function writeEvaluations(
  path: string,
  provenance: RecordProvenance,
  history: readonly MetricsRow[],
): Promise<void> {
  const records = history.filter(({ split }) => split === 'dev').flatMap(evaluationsOf);
  const column = (name: keyof EvaluationRecord, type: Column['type']): Column => ({
    name,
    type,
    data: records.map((record) => record[name]),
  });
  const table: ColumnTable = {
    provenance: toJson(provenance),
    columns: [
      column('step', 'INT32'),
      column('split', 'STRING'),
      column('rule', 'STRING'),
      column('metric', 'STRING'),
      column('value', 'DOUBLE'),
      { ...column('best', 'INT32'), data: records.map(({ best }) => Number(best)) },
    ],
  };
  return writeColumns(path, table);
}

/** All values of one row of a history. */
function evaluationsOf(row: MetricsRow): EvaluationRecord[] {
  const list = (
    rule: string,
    split: EvaluationRecord['split'],
    values: Readonly<Record<string, number | undefined>>,
    best: boolean,
  ) =>
    Object.entries(values).flatMap(([metric, value]) =>
      value === undefined ? [] : [{ step: row.step, split, rule, metric, value, best }],
    );
  const { headline, loss, metrics = {}, midpointMetrics = {}, selections = {}, observed = {} } = row;
  return [
    ...list('', 'dev', { headline, loss, ...metrics }, row.best ?? false),
    ...list(midpointRule, 'dev', midpointMetrics, false),
    ...Object.entries(selections).flatMap(([rule, { best, metrics: own, ...rest }]) =>
      list(rule, 'dev', { headline: rest.headline, loss: rest.loss, ...own }, best),
    ),
    ...list(
      '',
      'test',
      pick(observed, (name) => !name.startsWith(simplexPrefix)),
      false,
    ),
    ...list(
      '',
      'simplex',
      pick(observed, (name) => name.startsWith(simplexPrefix)),
      false,
    ),
  ];
}

const pick = (values: Readonly<Record<string, number>>, wanted: (name: string) => boolean) =>
  Object.fromEntries(Object.entries(values).filter(([name]) => wanted(name)));

const toJson = (provenance: RecordProvenance) => JSON.parse(JSON.stringify(provenance)) as JsonObject;

const name = z.string().max(300);
const provenanceSchema = z.object({
  version: z.literal(1),
  trial: name,
  configHash: name,
  splitHash: name,
  dataHash: name.optional(),
  hostFingerprint: name,
  task: name,
  method: name,
  dataSeed: z.int().min(0),
  trainSeed: z.int().min(0),
  labels: z.array(z.string()).max(10_000),
  regression: z.boolean(),
  headlineMetric: name,
  rules: z.record(
    z.string().max(64),
    z.object({ mode: z.enum(['midpoint', 'stochastic', 'dropout']), draws: z.int().min(1) }),
  ),
  environment: z.record(z.string(), z.json()),
});

function provenanceOf(path: string, { provenance }: ReadColumns): RecordProvenance {
  const result = provenanceSchema.safeParse(provenance);
  if (result.success) return result.data as unknown as RecordProvenance;
  const { path: where, message } = result.error.issues[0]!;
  throw damaged(path, `what it says of its origin is not as expected: ${where.join('.')}: ${message}`);
}

/** The predictions of a trial, one entry a rule and split; null where there is no file. Errors: those of {@link ColumnReader}. */
export async function readItems(
  reader: ColumnReader,
  path: string,
): Promise<Pick<TrialRecords, 'provenance' | 'items'> | null> {
  const read = await reader.read(path);
  if (read === null) return null;
  const provenance = provenanceOf(path, read);
  const columns = provenance.labels.length;
  const logits = Array.from({ length: columns }, (_, column) => read.numbers(`logit_${column}`));
  const [rules, splits] = [read.texts('rule'), read.texts('split')];
  const [rows, labels] = [read.numbers('row'), read.numbers('label')];
  const groups = groupBy(rules.keys(), (index) => JSON.stringify([rules[index], splits[index]]));
  const items = [...groups.values()].map((group): ItemRecords => {
    const values = new Float32Array(group.length * columns);
    group.forEach((index, row) =>
      logits.forEach((column, at) => {
        values[row * columns + at] = column[index]!;
      }),
    );
    return {
      rule: rules[group[0]!]!,
      split: splits[group[0]!]!,
      rows: group.map((index) => rows[index]!),
      labels: group.map((index) => labels[index]!),
      logits: values,
      columns,
    };
  });
  return { provenance, items };
}

/** The evaluations of a trial; null where there is no file. Errors: those of {@link ColumnReader}. */
export async function readEvaluations(
  reader: ColumnReader,
  path: string,
): Promise<Pick<TrialRecords, 'provenance' | 'evaluations'> | null> {
  const read = await reader.read(path);
  if (read === null) return null;
  const [steps, values, best] = [read.numbers('step'), read.numbers('value'), read.numbers('best')];
  const [splits, rules, metrics] = [read.texts('split'), read.texts('rule'), read.texts('metric')];
  return {
    provenance: provenanceOf(path, read),
    evaluations: steps.map((step, index) => ({
      step,
      split: splitsOfEvaluations.find((split) => split === splits[index]) ?? 'dev',
      rule: rules[index]!,
      metric: metrics[index]!,
      value: values[index]!,
      best: best[index] === 1,
    })),
  };
}
