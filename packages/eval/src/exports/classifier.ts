/**
 * Predictions of an adapter in memory. Runs in a browser too.
 * @module
 */
export {
  type Classifier,
  type ClassifierOptions,
  createClassifier,
  type Prediction,
  type PredictorInput,
} from '../predict/create-classifier.js';
export { sigmoid, softmax } from '../trial/softmax.js';
