/** The public names that run in a browser: what bundlers get in place of index.ts, through the `browser` condition of package.json. */
export {
  classNames,
  classOf,
  type ClassOutput,
  type EmptyTextPolicy,
  type LabelledText,
  type LabelMetricName,
  type LabelOutput,
  type LoadedTask,
  type MetricName,
  outputSize,
  type ReadOptions,
  type RegressionOutput,
  type TaskDefinition,
  type TaskRows,
  type TestSet,
  type TextMetricName,
  type TextOutput,
} from './task.js';
export {
  createTaskRegistry,
  describeTask,
  loadTask,
  type TaskDescription,
  type TaskRegistry,
} from './task-registry.js';
export { cleanSubject } from './clean-subject.js';
export { type Cell, decodeText, type Table } from './table.js';
export { parseTable, type TableTextOptions } from './parse-table.js';
export { type TableTaskOptions, taskFromTable } from './task-from-table.js';
export { dataLimits } from './data-limits.js';
export { legacyPermutation, numpyPermutation } from './numpy-permutation.js';
export { type Protocol, protocols, type SplitOptions, type SplitSizes, splitSizes } from './protocols.js';
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
export { rouge, type RougeOptions, type RougeScores } from './rouge.js';
export { addBleuCounts, bleu, type BleuCounts, bleuCounts, bleuOf, type BleuOptions } from './bleu.js';
export { distinct } from './distinct.js';
export { checkTemplate, fillTemplate } from './fill-template.js';
export {
  isResampled,
  measureText,
  needsGeneration,
  type TextMeasures,
  textMetric,
  type WrittenText,
} from './measure-texts.js';
