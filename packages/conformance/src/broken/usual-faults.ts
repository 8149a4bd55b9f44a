import type { NegativeControl } from '../kit/check.js';
import { breakInterventions, mapEffects } from './break-method.js';

/** Faults that more than one check must find. */

/** Calls `Math.random`. */
export const drawsByItself = (fails: RegExp): NegativeControl => ({
  breaks: 'calls Math.random when it intervenes',
  apply: (subject) =>
    breakInterventions(subject, (items) => mapEffects(items, (tensor) => tensor.mul(1 + 0.5 * Math.random()))),
  fails,
});

/** An example's result depends on how many others there are. */
export const looksAtTheBatch = (fails: RegExp): NegativeControl => ({
  breaks: 'acts more strongly in larger batches',
  apply: (subject) =>
    breakInterventions(subject, (items, { batchSize }) =>
      mapEffects(items, (tensor) => tensor.mul(0.5 + 0.5 * batchSize)),
    ),
  fails,
});
