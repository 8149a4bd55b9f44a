import { type GlueSource, readGlue } from './read-glue.js';
import type { LabelOutput, TaskDefinition } from './task.js';

type GlueTable = Omit<TaskDefinition, 'read' | 'tests' | 'origin' | 'output'> & {
  readonly output: LabelOutput;
  readonly source: Omit<GlueSource, 'labelsByIndex' | 'tests' | 'config'> & { readonly tests?: GlueSource['tests'] };
};

const dev: GlueSource['tests'] = [{ name: 'test', tsv: ['dev'], hub: 'validation' }];

function glueTask({ source, ...task }: GlueTable): TaskDefinition {
  const full: GlueSource = { ...source, config: task.name, labelsByIndex: true, tests: source.tests ?? dev };
  return {
    ...task,
    tests: full.tests.map(({ name }) => name),
    origin: `GLUE, ${source.folder}/ or ${task.name}/ in the data directory`,
    read: (options) => readGlue(task, full, options),
  };
}

/**
 * The nine tasks of GLUE (Wang et al. 2018, arXiv 1804.07461). Label order, sizes and official metrics as in huggingface/datasets;
 * the headline metrics are UniPELT's (Mao et al. 2021, arXiv 2110.07577). "Test" always means GLUE's dev set. Text columns have one
 * name in GLUE's TSV files and, for some tasks, another in the Hub's Parquet files; both are known.
 */
export const glueTasks: readonly TaskDefinition[] = [
  glueTask({
    name: 'cola',
    title: 'CoLA: is the sentence acceptable English?',
    fields: ['sentence'],
    output: { kind: 'classes', labels: ['unacceptable', 'acceptable'] },
    metrics: ['matthews'],
    headline: 'matthews',
    sizes: { train: 8551, tests: [1043] },
    source: {
      folder: 'CoLA',
      texts: [['sentence']],
      label: ['label'],
      headerless: {
        columnNames: ['source', 'label', 'mark', 'sentence'],
        isRow: /^[^\t\n]*\t[01]\t[^\t\n]*\t[^\t\n]*(\r?\n|$)/,
      },
    },
  }),
  glueTask({
    name: 'sst2',
    title: 'SST-2: sentiment of a film review sentence',
    fields: ['sentence'],
    output: { kind: 'classes', labels: ['negative', 'positive'] },
    metrics: ['accuracy'],
    headline: 'accuracy',
    sizes: { train: 67349, tests: [872] },
    source: { folder: 'SST-2', texts: [['sentence']], label: ['label'] },
  }),
  glueTask({
    name: 'mrpc',
    title: 'MRPC: are two news sentences paraphrases?',
    fields: ['sentence1', 'sentence2'],
    output: { kind: 'classes', labels: ['not_equivalent', 'equivalent'] },
    metrics: ['accuracy', 'f1'],
    headline: 'f1',
    sizes: { train: 3668, tests: [408] },
    source: {
      folder: 'MRPC',
      texts: [
        ['sentence1', '#1 String'],
        ['sentence2', '#2 String'],
      ],
      label: ['label', 'Quality'],
    },
  }),
  glueTask({
    name: 'qqp',
    title: 'QQP: do two questions ask the same?',
    fields: ['question1', 'question2'],
    output: { kind: 'classes', labels: ['not_duplicate', 'duplicate'] },
    metrics: ['accuracy', 'f1'],
    headline: 'f1',
    sizes: { train: 363846, tests: [40430] },
    source: {
      folder: 'QQP',
      texts: [['question1'], ['question2']],
      label: ['label', 'is_duplicate'],
      skipShortRows: true,
      // A few official pairs have an empty question; leaving them out would shift the row numbers that the permutations refer to.
      emptyText: 'keep',
    },
  }),
  glueTask({
    name: 'stsb',
    title: 'STS-B: similarity of two sentences, 0 to 5',
    fields: ['sentence1', 'sentence2'],
    output: { kind: 'regression', range: [0, 5], classBoundary: 2.5 },
    metrics: ['pearson', 'spearman'],
    headline: 'spearman',
    sizes: { train: 5749, tests: [1500] },
    source: { folder: 'STS-B', texts: [['sentence1'], ['sentence2']], label: ['label', 'score'] },
  }),
  glueTask({
    name: 'mnli',
    title: 'MNLI: does the premise entail the hypothesis?',
    fields: ['premise', 'hypothesis'],
    output: { kind: 'classes', labels: ['entailment', 'neutral', 'contradiction'] },
    metrics: ['accuracy'],
    headline: 'accuracy',
    sizes: { train: 392702, tests: [9815, 9832] },
    source: {
      folder: 'MNLI',
      texts: [
        ['premise', 'sentence1'],
        ['hypothesis', 'sentence2'],
      ],
      label: ['label', 'gold_label'],
      tests: [
        { name: 'matched', tsv: ['dev_matched', 'dev'], hub: 'validation_matched' },
        { name: 'mismatched', tsv: ['dev_mismatched'], hub: 'validation_mismatched', optional: true },
      ],
    },
  }),
  glueTask({
    name: 'qnli',
    title: 'QNLI: does the sentence answer the question?',
    fields: ['question', 'sentence'],
    output: { kind: 'classes', labels: ['entailment', 'not_entailment'] },
    metrics: ['accuracy'],
    headline: 'accuracy',
    sizes: { train: 104743, tests: [5463] },
    source: { folder: 'QNLI', texts: [['question'], ['sentence']], label: ['label'] },
  }),
  glueTask({
    name: 'rte',
    title: 'RTE: does the first text entail the second?',
    fields: ['sentence1', 'sentence2'],
    output: { kind: 'classes', labels: ['entailment', 'not_entailment'] },
    metrics: ['accuracy'],
    headline: 'accuracy',
    sizes: { train: 2490, tests: [277] },
    source: { folder: 'RTE', texts: [['sentence1'], ['sentence2']], label: ['label'] },
  }),
  glueTask({
    name: 'wnli',
    title: 'WNLI: does the sentence with the pronoun replaced follow? (usually left out of averages)',
    fields: ['sentence1', 'sentence2'],
    output: { kind: 'classes', labels: ['not_entailment', 'entailment'] },
    metrics: ['accuracy'],
    headline: 'accuracy',
    sizes: { train: 635, tests: [71] },
    source: { folder: 'WNLI', texts: [['sentence1'], ['sentence2']], label: ['label'] },
  }),
];
