/**
 * Single trials: data, host and training of one configuration.
 * @module
 */
export { runTrial, type RunTrialOptions } from '../trial/run-trial.js';
export { type EmbeddedHost, embeddedHost } from '../trial/embedded-hosts.js';
export {
  type LabelTaskData,
  openTaskData,
  requireLabels,
  type TaskData,
  type TextTaskData,
  type TrialSplit,
} from '../trial/task-data.js';
export { describeOnTask } from '../trial/describe-on-task.js';
export { openSession, type Session, type SessionOptions } from '../trial/session.js';
export { predictAtPoint, type PointRequest } from '../trial/predict-at-point.js';
export { languageExamples, type TextSession } from '../trial/text-examples.js';
export { writeTexts, type WriteTextsOptions } from '../trial/write-texts.js';
