import * as tf from '@tensorflow/tfjs';
import { runsInNode } from './import-at-run-time.js';

/**
 * Silences what would spoil a program's output: the TensorFlow.js banner and warnings (they stop in production mode), and TensorFlow's own
 * C++ log, which is read from the environment when the library is loaded. A level the user has set is kept.
 */
export function quietLogs(): void {
  tf.env().set('PROD', true);
  if (runsInNode()) process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '3';
}
