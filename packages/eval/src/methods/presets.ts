import type { MethodDescription } from '@tfjs-peft/peft-core';
import type { TrainConfigInput } from '@tfjs-peft/train';
import { builtInDefinitions } from './definitions.js';

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
  /** How it learns; `supervised` if absent. */
  readonly recipe?: RecipeName;
  /** Training settings of this method; an experiment's own settings win. */
  readonly train?: TrainConfigInput;
}

/**
 * `supervised`: the task's loss in one stage. `contrastive`: pairs of texts train the method, then its head is fitted in closed form (SetFit).
 * `joint-contrastive`: one stage with both losses.
 */
export const recipeNames = ['supervised', 'contrastive', 'joint-contrastive'] as const;
export type RecipeName = (typeof recipeNames)[number];

/** Names of what needs no training of the host. */
export const floorNames = ['majority', 'linear-probe', 'zero-shot'] as const;
/** What is learned without training anything on the host. */
export type FloorName = (typeof floorNames)[number];

/** The floors of a task of labels, and of one whose answers are texts. */
export const usualFloors: Readonly<Record<'labels' | 'texts', readonly FloorName[]>> = {
  labels: ['majority', 'linear-probe'],
  texts: ['zero-shot'],
};

const head: MethodDescription = { type: 'HEAD', config: {} };
const prefixWithMlp: MethodDescription = {
  type: 'PREFIX_TUNING',
  config: { prefixLength: 10, reparametrisation: 'mlp', mlpHiddenSize: 512, initialStandardDeviation: 0.05 },
};
const composed = (...parts: readonly MethodDescription[]): MethodDescription => ({
  type: 'COMPOSE',
  config: {},
  parts,
});

const lora: MethodDescription = { type: 'LORA', config: { rank: 8, alpha: 16 } };
const bottleneck: MethodDescription = {
  type: 'BOTTLENECK_ADAPTER',
  config: { placement: 'normed', reductionFactor: 16 },
};
const ia3: MethodDescription = { type: 'IA3', config: {} };

/** The built-in methods without a simplex: what each is, its parts beside the head, and a rate that suits MiniLM and a few hundred steps. */
const methods: readonly (readonly [
  name: string,
  summary: string,
  parts: readonly MethodDescription[],
  rate: number,
])[] = [
  ['prefix', 'prefix tuning, ten positions made by an MLP (Li and Liang 2021)', [prefixWithMlp], 3e-4],
  [
    'prefix-flat',
    'prefix tuning, ten positions trained directly (P-tuning v2)',
    [{ type: 'PREFIX_TUNING', config: { prefixLength: 10, reparametrisation: 'none' } }],
    1e-2,
  ],
  ['lora', 'low-rank deltas of queries and values, rank 8 (Hu et al. 2022)', [lora], 5e-4],
  [
    'dora',
    'the same with trained magnitudes (Liu et al. 2024)',
    [{ type: 'LORA', config: { rank: 8, alpha: 16, dora: true } }],
    5e-4,
  ],
  ['adapter', 'a bottleneck after each feed-forward network, reduction 16 (Pfeiffer et al. 2021)', [bottleneck], 1e-3],
  [
    'adapter-parallel',
    'a bottleneck beside each feed-forward network, reduction 2, scale 4 (He et al. 2022)',
    [
      {
        type: 'BOTTLENECK_ADAPTER',
        config: { placement: 'parallel', reductionFactor: 2, scale: 4, initialisation: 'mam' },
      },
    ],
    5e-4,
  ],
  ['ia3', 'gates on keys, values and the feed-forward network (Liu et al. 2022)', [ia3], 1e-2],
  [
    'prompt',
    'twenty virtual tokens before the text (Lester et al. 2021)',
    [{ type: 'PROMPT_TUNING', config: {} }],
    1e-2,
  ],
  ['p-tuning', 'virtual tokens made by an MLP (Liu et al. 2021)', [{ type: 'P_TUNING', config: {} }], 1e-3],
  ['bitfit', 'the biases of all layers (Ben Zaken et al. 2022)', [{ type: 'BITFIT', config: {} }], 1e-3],
  ['ln-tuning', 'weights and biases of the LayerNorms', [{ type: 'LN_TUNING', config: {} }], 1e-3],
  [
    'mam',
    'prefix and parallel bottleneck (He et al. 2022)',
    [
      prefixWithMlp,
      {
        type: 'BOTTLENECK_ADAPTER',
        config: { placement: 'parallel', reductionFactor: 2, scale: 4, initialisation: 'mam' },
      },
    ],
    3e-4,
  ],
  [
    'unipelt',
    'prefix, LoRA and bottleneck, each with gates of the activations (Mao et al. 2022)',
    [{ type: 'UNIPELT', config: {}, parts: [composed(prefixWithMlp, lora, bottleneck)] }],
    5e-4,
  ],
  ['prefix-lora-ia3', 'three methods as one adapter', [prefixWithMlp, lora, ia3], 3e-4],
  [
    'sift',
    'the 0.8 % of the attention weights with the largest gradients (Song et al. 2023)',
    [{ type: 'SIFT', config: {} }],
    1e-3,
  ],
  [
    'tarp',
    'low-rank shifts that each token has its own of, rank 4 (Hou et al. 2022)',
    [{ type: 'TARP', config: { rank: 4 } }],
    1e-3,
  ],
  [
    'tarp-scaled',
    'the same with a static low-rank scale of the weights',
    [{ type: 'TARP', config: { rank: 4, scale: 'softplus' } }],
    1e-3,
  ],
  [
    'tarp-bilinear',
    'a low-rank scale and a low-rank shift of the weights, which merge',
    [{ type: 'TARP', config: { form: 'bilinear', rank: 4, scale: 'softplus' } }],
    1e-3,
  ],
  [
    'tarp-kronecker',
    'the same as sums of four Kronecker products',
    [{ type: 'TARP', config: { form: 'kronecker', rank: 4, blocks: 4, scale: 'softplus' } }],
    1e-3,
  ],
  [
    'tams',
    'a small cell behind each feed-forward network with an architecture that is searched (Hou et al. 2022)',
    [{ type: 'TAMS', config: { width: 16 } }],
    1e-3,
  ],
  ['full', 'full fine-tuning: every tensor of the host', [{ type: 'FULL', config: {} }], 2e-5],
];

const definitionOf = (type: string) => builtInDefinitions.find((definition) => definition.type === type);

/** The method with vertices that start apart. */
const startApart = ({ type, config, parts }: MethodDescription): MethodDescription => ({
  type,
  config: definitionOf(type)?.apart?.(config) ?? config,
  ...(parts && { parts: parts.map(startApart) }),
});

const trained = (name: string, summary: string, method: MethodDescription, learningRate: number): MethodPreset[] => [
  { name, summary, kind: 'trained', method, train: { learningRate, validation: { mode: 'midpoint' } } },
  {
    name: `${name}-subspace`,
    summary: `a simplex of two vertices over ${name}, drawn per example and layer (Falissard et al. 2023 for prefixes; a reimplementation)`,
    kind: 'trained',
    method: {
      type: 'SUBSPACE',
      config: { vertices: 2, granularity: 'example_layer', beta: 1 },
      parts: [startApart(method)],
    },
    train: { learningRate, validation: { mode: 'stochastic', aggregate: 'pooled', draws: 10 } },
  },
];

/** What is trained on pairs of texts before its head is fitted (SetFit's recipe), with a rate and steps that suit MiniLM and 100 texts. */
const ofPairs: readonly (readonly [
  name: string,
  summary: string,
  part: MethodDescription,
  rate: number,
  steps: number,
])[] = [
  [
    'lora',
    'low-rank deltas of all affine maps, rank 8',
    { type: 'LORA', config: { rank: 8, alpha: 16, targets: 'all-linear' } },
    3e-4,
    250,
  ],
  [
    'prefix',
    'sixteen prefix positions that start from the keys and values of real words',
    {
      type: 'PREFIX_TUNING',
      config: { prefixLength: 16, reparametrisation: 'none', initialisation: 'activation' },
    },
    1e-2,
    250,
  ],
  ['adapter', 'a bottleneck after each feed-forward network, reduction 16', bottleneck, 1e-3, 250],
  ['full', 'every tensor of the host, as SetFit does', { type: 'FULL', config: {} }, 2e-5, 250],
];

const contrastive = (
  name: string,
  summary: string,
  part: MethodDescription,
  learningRate: number,
  steps: number,
): MethodPreset[] => {
  const preset = (suffix: string, what: string, trainedPart: MethodDescription): MethodPreset => ({
    name: `contrastive-${name}${suffix}`,
    summary: `${what}, trained on pairs of texts, then a head fitted in closed form (Tunstall et al. 2022)`,
    kind: 'trained',
    method: composed(trainedPart, head),
    recipe: 'contrastive',
    train: { learningRate, steps, batchSize: 16, warmupRatio: 0.1, patience: null, validation: { mode: 'midpoint' } },
  });
  const simplex = {
    type: 'SUBSPACE',
    config: { vertices: 2, granularity: 'example_layer', beta: 1 },
    parts: [startApart(part)],
  };
  return [preset('', summary, part), preset('-subspace', `a simplex of two vertices over ${summary}`, simplex)];
};

/** One stage with both losses. */
const joint = ([name, summary, parts, learningRate]: (typeof methods)[number]): MethodPreset => ({
  name: `joint-${name}`,
  summary: `${summary}; cross entropy and a contrastive term in one stage`,
  kind: 'trained',
  method: composed(...parts, head),
  recipe: 'joint-contrastive',
  train: { learningRate, validation: { mode: 'midpoint' } },
});

/** The built-in methods; each trained one also as `…-subspace`, a simplex over it and its head. */
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
    name: 'zero-shot',
    summary: 'the host as it is, which continues the prompts of a task of texts: what no training gives',
    kind: 'floor',
    floor: 'zero-shot',
  },
  ...trained('head', 'a linear head trained like the other methods, nothing inside the host', head, 1e-2),
  ...methods.flatMap(([name, summary, parts, rate]) => trained(name, summary, composed(...parts, head), rate)),
  ...ofPairs.flatMap((row) => contrastive(...row)),
  ...methods.filter(([name]) => name === 'lora' || name === 'prefix').map(joint),
];
