import type { ColumnReader } from '../records/column-reader.js';
import { readTrialConfig, trialFiles } from '../records/trial-folder.js';
import { type ItemRecords, readEvaluations, readItems, type RecordProvenance } from '../records/trial-records.js';
import { groupBy } from '../statistics/group-by.js';
import { headlineOf } from '../statistics/pair-units.js';
import type { ArmResult, CellResults } from './grid-folder.js';

/** A run of an arm that has a result, with its records. */
export interface RecordedRun {
  readonly result: ArmResult;
  readonly cell: string;
  readonly item: ItemRecords | undefined;
  readonly labels: readonly string[];
  readonly regression: boolean;
  readonly rules: RecordProvenance['rules'];
  /** Values by `split rule metric`, each over steps. */
  readonly series: ReadonlyMap<string, ReadonlyMap<number, number>>;
  /** Step of the state that each rule kept. */
  readonly kept: ReadonlyMap<string, number>;
  /** Evaluations without improvement after which a rule of the run ends; null where it never does. */
  readonly patience: number | null;
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
    if (headlineOf(result) === null) continue;
    const read = files.get(result.path) ?? (await readRun(reader, result, onDamaged));
    files.set(result.path, read);
    const { items, evaluations, patience } = read;
    // Written texts have no items.
    const provenance = (items ?? evaluations)?.provenance;
    if (!provenance) continue;
    const byMetric = groupBy(evaluations?.evaluations ?? [], ({ split, rule, metric }) => `${split} ${rule} ${metric}`);
    const best = (evaluations?.evaluations ?? []).filter((one) => one.best && one.split === 'dev');
    const series = new Map(
      [...byMetric].map(([key, own]) => [key, new Map(own.map(({ step, value }) => [step, value]))]),
    );
    runs.push({
      result,
      cell: cell.id,
      item: items?.items.find(({ rule, split }) => rule === result.rule && split === result.headlineSplit),
      labels: provenance.labels,
      regression: provenance.regression,
      rules: provenance.rules,
      series,
      kept: new Map(best.map(({ rule, step }) => [rule, step])),
      patience,
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
      return nothing;
    }
    const evaluations = await readEvaluations(reader, files.evaluations);
    const patience = evaluations ? ((await readTrialConfig(result.path)).train?.patience ?? null) : null;
    return { items, evaluations, patience };
  } catch (error) {
    onDamaged(error instanceof Error ? error.message : String(error));
    return nothing;
  }
}

const nothing = { items: null, evaluations: null, patience: null };
