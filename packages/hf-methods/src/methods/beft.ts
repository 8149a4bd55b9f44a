import * as z from 'zod';
import { normal, zeros } from '../initial-laws.js';
import { targetEntries } from '../module-entries.js';
import { makeWeightMethod } from '../weight-method.js';

/** BEFT: a vector is added to the outputs of the targets, as their biases are; `[1, outputs]` in files. */
export const beft = makeWeightMethod({
  type: 'BEFT',
  entries: { ...targetEntries, init_weights: z.boolean().default(true) },
  kinds: ['biasDelta'],
  parameters: ({ init_weights: start }, { outputs }) => [
    { name: 'beft_bias', shape: [1, outputs], initial: start ? zeros : normal(1) },
  ],
  intervene: (config, { path }, find) => [{ kind: 'biasDelta', path, delta: find('beft_bias').reshape([-1]) }],
});
