export * from './browser.js';
// What needs Node.
export { glueTasks } from './glue-tasks.js';
export { sentenceTasks } from './sentence-tasks.js';
export { spamSubjects } from './spam-subjects.js';
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
export { dataToTextTasks, languageTasks, summarisationTasks, textTask, type TextTaskSpec } from './text-tasks.js';
export type { TextLayout } from './text-rows.js';
export { personaTasks } from './persona-tasks.js';
