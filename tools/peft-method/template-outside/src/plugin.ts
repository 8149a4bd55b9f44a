import type { EvalPlugin } from '@tfjs-peft/eval/methods';
import type { MethodDescription } from '@tfjs-peft/peft-core';
import { myMethodDefinition } from './my-method.js';

/** The method with a head, which experiments give labels and readout. Vertices of a simplex must start apart, so not all at zero. */
const method: MethodDescription = {
  type: 'COMPOSE',
  config: {},
  parts: [
    { type: 'MY_METHOD', config: { initialStandardDeviation: 0.02 } },
    { type: 'HEAD', config: {} },
  ],
};

/** What `plugins` of an experiment finds here: the method, and two names for `methods`. */
export const plugin = {
  methods: [myMethodDefinition],
  presets: [
    {
      name: 'my-method',
      summary: 'scales on the outputs of queries and values',
      kind: 'trained',
      method,
      train: { learningRate: 1e-2, validation: { mode: 'midpoint' } },
    },
    {
      name: 'my-method-subspace',
      summary: 'a simplex of two vertices over it',
      kind: 'trained',
      method: { type: 'SUBSPACE', config: { vertices: 2 }, parts: [method] },
      train: { learningRate: 1e-2, validation: { mode: 'stochastic', aggregate: 'pooled', draws: 10 } },
    },
  ],
} satisfies EvalPlugin;
