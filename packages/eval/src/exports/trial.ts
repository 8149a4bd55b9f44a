/**
 * Single trials: data, host and training of one configuration.
 * @module
 */
export { runTrial, type RunTrialOptions } from '../trial/run-trial.js';
export { openTaskData, type TaskData, type TrialSplit } from '../trial/task-data.js';
export { openSession, type Session, type SessionOptions } from '../trial/session.js';
export { predictAtPoint, type PointRequest } from '../trial/predict-at-point.js';
