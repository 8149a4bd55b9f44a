import type { BenchMethod, WorkerOptions } from '../worker.js';

/** Who computes: this library on a backend, or torch with HF peft, as it is or compiled. */
type Side = 'tfjs-node' | 'wasm' | 'torch' | 'torch.compile';

/** One line of a comparison. */
export interface Contender extends Pick<WorkerOptions, 'vertices' | 'draws' | 'newTokens' | 'timed' | 'episodes'> {
  readonly side: Side;
  readonly method: BenchMethod;
  readonly dropout?: boolean;
  readonly prefixLength?: number;
  /** Number of the contender that its time is divided by; none for one that others are divided by. */
  readonly against?: number;
}

/** Contenders that take turns on the same batch. */
export interface Comparison {
  readonly id: string;
  readonly title: string;
  readonly rows: number;
  readonly tokens: number;
  /** Shape of a BERT with random weights, or a decoder that is made once; MiniLM if absent. */
  readonly host?: HostShape | 'smollm2-135m';
  readonly contenders: readonly Contender[];
  /** A point of a curve, and where it lies. */
  readonly curve?: { readonly name: Curve; readonly at: number };
  /** Instead of steps: whole runs of so many steps, from cold start to saved adapter, on 100 subject lines. */
  readonly wholeRun?: number;
  /** What is timed, where that is no training step. */
  readonly unit?: 'run' | 'token' | 'update';
  readonly steps: number;
  readonly rounds: number;
}

/** As in the config.json of a BERT. */
export interface HostShape {
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly intermediate_size: number;
}

export const curves = {
  tokens: 'Tokens a text, 16 texts',
  rows: 'Texts a batch, 16 tokens each',
  layers: 'Layers, 16 × 16 tokens, random weights of MiniLM’s width',
  prefix: 'Length of the prefix, 16 × 16 tokens',
  vertices: 'Vertices of the simplex, 16 × 16 tokens',
  draws: 'Draws of an evaluation of 96 texts of 16 tokens; 0 is the midpoint',
} as const;
/** What a step grows with. */
export type Curve = keyof typeof curves;
/** The same in the picture. */
export const shortNames: Readonly<Record<Curve, string>> = {
  tokens: 'tokens a text',
  rows: 'texts a batch',
  layers: 'layers',
  prefix: 'length of the prefix',
  vertices: 'vertices',
  draws: 'draws of an evaluation',
};

const small = { hidden_size: 384, num_attention_heads: 12, intermediate_size: 1536 };
const bertBase = { hidden_size: 768, num_hidden_layers: 12, num_attention_heads: 12, intermediate_size: 3072 };

const peers: readonly Contender[] = [
  { side: 'torch', method: 'prefix' },
  { side: 'torch.compile', method: 'prefix', against: 0 },
  { side: 'tfjs-node', method: 'prefix', against: 0 },
  { side: 'tfjs-node', method: 'prefix-subspace', vertices: 2, against: 2 },
  { side: 'tfjs-node', method: 'prefix-subspace', vertices: 4, against: 2 },
  { side: 'torch', method: 'lora' },
  { side: 'tfjs-node', method: 'lora', against: 5 },
];
const bothSides: readonly Contender[] = [
  { side: 'torch', method: 'prefix' },
  { side: 'tfjs-node', method: 'prefix', against: 0 },
];
const alone = (contender: Partial<Contender>): readonly Contender[] => [
  { side: 'tfjs-node', method: 'prefix-subspace', ...contender },
];
const usual = { rows: 16, tokens: 16, steps: 8, rounds: 5 };
const point = (name: Curve, at: number, change: Partial<Comparison>): Comparison => ({
  ...usual,
  ...{ id: `${name}-${at}`, title: curves[name], contenders: bothSides, curve: { name, at }, rounds: 3 },
  ...change,
});

/** All that the page on performance shows. */
export const comparisons: readonly Comparison[] = [
  { ...usual, id: '1x2', title: '1 text of 2 tokens', rows: 1, tokens: 2, steps: 20, contenders: peers },
  { ...usual, id: '16x16', title: '16 texts of 16 tokens', contenders: peers },
  { ...usual, id: '16x64', title: '16 texts of 64 tokens', tokens: 64, steps: 4, contenders: peers },
  {
    ...usual,
    id: 'defaults',
    title: 'Presets with their defaults (MLP, dropout), 16 texts of 16 tokens',
    contenders: [
      { side: 'tfjs-node', method: 'mlp-prefix', dropout: true },
      { side: 'tfjs-node', method: 'mlp-prefix-subspace', dropout: true, against: 0 },
    ],
  },
  {
    ...usual,
    id: 'full',
    title: 'Full fine-tuning, 16 texts of 64 tokens',
    tokens: 64,
    steps: 3,
    rounds: 3,
    contenders: [
      { side: 'torch', method: 'full' },
      { side: 'tfjs-node', method: 'full', against: 0 },
    ],
  },
  {
    ...usual,
    id: 'bert-base',
    title: 'The shape of bert-base with random weights, 8 texts of 64 tokens',
    rows: 8,
    tokens: 64,
    steps: 2,
    rounds: 3,
    host: bertBase,
    contenders: bothSides,
  },
  {
    ...usual,
    id: 'wasm',
    title: 'WebAssembly, 16 texts of 16 tokens',
    rounds: 3,
    steps: 4,
    contenders: [
      { side: 'tfjs-node', method: 'prefix' },
      { side: 'wasm', method: 'prefix', against: 0 },
      { side: 'wasm', method: 'prefix-subspace', against: 1 },
      { side: 'wasm', method: 'lora', against: 1 },
    ],
  },
  {
    ...usual,
    id: 'whole-run',
    title: 'A whole run: 300 steps of 16 subject lines, from cold start to saved adapter',
    wholeRun: 300,
    unit: 'run',
    rounds: 3,
    steps: 1,
    contenders: bothSides,
  },
  {
    ...{ id: 'smollm2-lora', title: 'SmolLM2-135M: the next token, 1 text of 256 tokens', host: 'smollm2-135m' },
    ...{ rows: 1, tokens: 256, steps: 2, rounds: 5 },
    contenders: [
      { side: 'torch', method: 'lora' },
      { side: 'tfjs-node', method: 'lora', against: 0 },
    ],
  },
  {
    ...{ id: 'smollm2-generation', title: 'SmolLM2-135M: 16 tokens continued, greedy', host: 'smollm2-135m' },
    ...{ rows: 1, tokens: 16, steps: 1, rounds: 5, unit: 'token' },
    contenders: [
      { side: 'torch', method: 'bare', newTokens: 256 },
      { side: 'tfjs-node', method: 'bare', newTokens: 256, against: 0 },
      { side: 'tfjs-node', method: 'bare', newTokens: 33, timed: [1, 33] },
      { side: 'tfjs-node', method: 'bare', newTokens: 256, timed: [224, 256], against: 2 },
    ],
  },
  {
    ...usual,
    id: 'tarp',
    title: 'All maps of MiniLM, 497,664 numbers: LoRA of rank 12 and dynamic TARP of rank 4, 16 texts of 16 tokens',
    contenders: [
      { side: 'tfjs-node', method: 'lora-everywhere' },
      { side: 'tfjs-node', method: 'tarp', against: 0 },
    ],
  },
  {
    ...{
      id: 'fomaml',
      title: 'Four episodes of 16 texts to learn from and 16 to judge by, 16 tokens each, 3 inner steps',
    },
    ...{ rows: 128, tokens: 16, steps: 2, rounds: 5, unit: 'update' },
    contenders: (['lora', 'tarp'] as const).flatMap((method, index) => [
      { side: 'tfjs-node', method, episodes: 'plain' },
      { side: 'tfjs-node', method, episodes: 'fomaml', against: 2 * index },
    ]),
  },
  ...[4, 16, 32, 64, 128].map((at) => point('tokens', at, { tokens: at, steps: at > 32 ? 3 : 8 })),
  ...[1, 4, 16, 64].map((at) => point('rows', at, { rows: at, steps: at > 16 ? 3 : 8 })),
  ...[1, 3, 6, 12].map((at) => point('layers', at, { host: { ...small, num_hidden_layers: at } })),
  ...[1, 16, 64].map((at) =>
    point('prefix', at, { contenders: bothSides.map((one) => ({ ...one, prefixLength: at })) }),
  ),
  ...[1, 2, 4, 6].map((at) =>
    point('vertices', at, { contenders: alone(at === 1 ? { method: 'prefix' } : { vertices: at }) }),
  ),
  ...[0, 1, 5, 10, 20].map((at) => point('draws', at, { rows: 96, steps: 2, contenders: alone({ draws: at }) })),
];
