import type { ColumnReader } from '../records/column-reader.js';
import { trialFiles } from '../records/trial-folder.js';
import { type ItemRecords, readEvaluations, readItems, type RecordProvenance } from '../records/trial-records.js';
import { groupBy } from '../statistics/group-by.js';
import type { ArmResult, CellResults } from './grid-folder.js';

/** A finished run of an arm with its records. */
export interface RecordedRun {
  readonly result: ArmResult;
  readonly cell: string;
  readonly item: ItemRecords | undefined;
  readonly labels: readonly string[];
  readonly regression: boolean;
  readonly rules: RecordProvenance['rules'];
  /** Values by `split rule metric`, each over steps. */
  readonly series: ReadonlyMap<string, ReadonlyMap<number, number>>;
}

/** The runs of a cell that have records; what cannot be read is told and left out. */
export async function readCell(
  reader: ColumnReader,
  { cell, results }: CellResults,
  onDamaged: (why: string) => void,
): Promise<RecordedRun[]> {
  const runs: RecordedRun[] = [];
  // Arms that share a run share its files.
  const files = new Map<string, Awaited<ReturnType<typeof readRun>>>();
  for (const result of results) {
    if (result.status !== 'done') continue;
    const read = files.get(result.path) ?? (await readRun(reader, result, onDamaged));
    files.set(result.path, read);
    const { items, evaluations } = read;
    if (!items) continue;
    const byMetric = groupBy(evaluations?.evaluations ?? [], ({ split, rule, metric }) => `${split} ${rule} ${metric}`);
    const series = new Map(
      [...byMetric].map(([key, own]) => [key, new Map(own.map(({ step, value }) => [step, value]))]),
    );
    runs.push({
      result,
      cell: cell.id,
      item: items.items.find(({ rule, split }) => rule === result.rule && split === result.headlineSplit),
      labels: items.provenance.labels,
      regression: items.provenance.regression,
      rules: items.provenance.rules,
      series,
    });
  }
  return runs;
}

async function readRun(reader: ColumnReader, result: ArmResult, onDamaged: (why: string) => void) {
  const files = trialFiles(result.path);
  try {
    const items = await readItems(reader, files.items);
    if (items && items.provenance.configHash !== result.configHash) {
      onDamaged(`"${files.items}" belongs to another configuration`);
      return { items: null, evaluations: null };
    }
    return { items, evaluations: await readEvaluations(reader, files.evaluations) };
  } catch (error) {
    onDamaged(error instanceof Error ? error.message : String(error));
    return { items: null, evaluations: null };
  }
}
