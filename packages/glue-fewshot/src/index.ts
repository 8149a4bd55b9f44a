export {
  classNames,
  classOf,
  type ClassOutput,
  type EmptyTextPolicy,
  type LabelledText,
  type LoadedTask,
  type MetricName,
  outputSize,
  type ReadOptions,
  type RegressionOutput,
  type TaskDefinition,
  type TaskRows,
  type TestSet,
} from './task.js';
export {
  createTaskRegistry,
  describeTask,
  loadTask,
  type TaskDescription,
  type TaskRegistry,
} from './task-registry.js';
export { glueTasks } from './glue-tasks.js';
export { sentenceTasks } from './sentence-tasks.js';
export { spamSubjects } from './spam-subjects.js';
export { cleanSubject } from './clean-subject.js';
export { type FileTaskOptions, taskFromFile } from './task-from-file.js';
export { readTable, tableExtensions, type TableOptions } from './read-table.js';
export {
  isTableFile,
  type PlacedText,
  readFilePieces,
  readLines,
  readTableTexts,
  type TextColumns,
} from './read-texts.js';
export type { Cell, Table } from './table.js';
export { dataLimits } from './data-limits.js';
export { legacyPermutation, numpyPermutation } from './numpy-permutation.js';
export { type Protocol, protocols, type SplitOptions } from './protocols.js';
export { type Split, type SplitData, splitRows, splitTask } from './split-task.js';
export {
  type Baseline,
  constantBaseline,
  evaluateMetrics,
  type HeadlineMode,
  labelsOf,
  majorityBaseline,
  type MetricsResult,
} from './evaluate-metrics.js';
