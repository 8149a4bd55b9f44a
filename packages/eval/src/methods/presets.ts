import type { MethodDescription } from '@tfjs-peft/peft-core';
import type { TrainConfigInput } from '@tfjs-peft/train';

/**
 * A named way to learn a task, as data. `method` describes the PEFT method; every `HEAD` in it gets the task's labels and the trial's
 * readout unless it names its own. Floors train nothing on the host and say which floor they are.
 */
export interface MethodPreset {
  readonly name: string;
  readonly summary: string;
  readonly kind: 'floor' | 'trained';
  readonly floor?: FloorName;
  readonly method?: MethodDescription;
  /** Training settings of this method; an experiment's own settings win. */
  readonly train?: TrainConfigInput;
}

export type FloorName = 'majority' | 'linear-probe';

const head: MethodDescription = { type: 'HEAD', config: {} };
const prefixWithMlp: MethodDescription = {
  type: 'PREFIX_TUNING',
  config: { prefixLength: 10, reparametrisation: 'mlp', mlpHiddenSize: 512, initialStandardDeviation: 0.05 },
};
const withHead = (method: MethodDescription): MethodDescription => ({
  type: 'COMPOSE',
  config: {},
  parts: [method, head],
});

/** The built-in methods, with rates that suit MiniLM and a few hundred steps. */
export const builtInPresets: readonly MethodPreset[] = [
  {
    name: 'majority',
    summary: 'always the most frequent label of the training texts: what no learning at all gives',
    kind: 'floor',
    floor: 'majority',
  },
  {
    name: 'linear-probe',
    summary: 'L2-penalised logistic regression on frozen features of the host: what needs no PEFT',
    kind: 'floor',
    floor: 'linear-probe',
  },
  {
    name: 'head',
    summary: 'a linear head trained like the other methods, nothing inside the host',
    kind: 'trained',
    method: head,
    train: { learningRate: 1e-2, validation: { mode: 'midpoint' } },
  },
  {
    name: 'prefix',
    summary: 'prefix tuning, ten positions made by an MLP (Li and Liang 2021)',
    kind: 'trained',
    method: withHead(prefixWithMlp),
    train: { learningRate: 3e-4, validation: { mode: 'midpoint' } },
  },
  {
    name: 'prefix-flat',
    summary: 'prefix tuning, ten positions trained directly (P-tuning v2)',
    kind: 'trained',
    method: withHead({ type: 'PREFIX_TUNING', config: { prefixLength: 10, reparametrisation: 'none' } }),
    train: { learningRate: 1e-2, validation: { mode: 'midpoint' } },
  },
  {
    name: 'prefix-subspace',
    summary:
      'a simplex of two prefixes and heads, drawn per example and layer (Falissard et al. 2023, a reimplementation)',
    kind: 'trained',
    method: {
      type: 'SUBSPACE',
      config: { vertices: 2, granularity: 'example_layer', beta: 1 },
      parts: [withHead(prefixWithMlp)],
    },
    train: { learningRate: 3e-4, validation: { mode: 'stochastic', aggregate: 'pooled', draws: 10 } },
  },
];
