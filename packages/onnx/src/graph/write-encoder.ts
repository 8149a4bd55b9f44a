import type { BottleneckForm, KeyValuePrefix, SublayerAdapter } from '@tfjs-peft/peft-core/interventions';
import type { Encoder, EncoderLayer, LinearModule, Sublayer } from '@tfjs-peft/transformer';
import type { EffectIndex } from '../effect-index.js';
import type { Numbers } from '../numbers.js';
import { writeActivation } from './activations.js';
import type { GraphBuilder, Value } from './graph-builder.js';
import { type DistanceValues, writeDistanceScores } from './write-distances.js';

/** What all parts of a graph are written from. */
export interface Writing {
  readonly graph: GraphBuilder;
  readonly encoder: Encoder;
  readonly effects: EffectIndex;
  readonly numbers: Numbers;
}

/** The affine map at a path, `x · W + b`. */
export function writeLinear(x: Value, path: string, { graph, numbers }: Writing): Value {
  const product = graph.node('MatMul', [x, writeWeight(path, numbers, graph)]);
  return graph.node('Add', [product, writeBias(path, numbers, graph)]);
}

export function writeWeight(path: string, numbers: Numbers, graph: GraphBuilder): Value {
  const { data, shape, store } = numbers.weight(`${path}.weight`);
  return graph.weights(`${path}.weight`, data, shape, store);
}

function writeBias(path: string, numbers: Numbers, graph: GraphBuilder): Value {
  const { data, shape } = numbers.weight(`${path}.bias`);
  return graph.floats(`${path}.bias`, data, shape);
}

export function writeNorm(x: Value, path: string, { graph, numbers, encoder }: Writing): Value {
  const { data, shape } = numbers.weight(`${path}.weight`);
  const scale = graph.floats(`${path}.weight`, data, shape);
  const attributes = { axis: -1, epsilon: { float: encoder.config.layerNormEpsilon } };
  return graph.node('LayerNormalization', [x, scale, writeBias(path, numbers, graph)], attributes);
}

/** One layer: attention, then the feed-forward network, each with adapters, residual and LayerNorm; states `[batch, tokens, hidden]`. */
export function writeLayer(x: Value, scores: ScoreTerms, layer: EncoderLayer, writing: Writing): Value {
  const { graph, encoder, effects } = writing;
  const { linears, sublayers } = layer;
  return graph.within(layer.path, () => {
    const heads = writeAttention(x, scores, layer, writing);
    const attended = finishSublayer(
      writeLinear(heads, linears.attentionOutput.path, writing),
      x,
      sublayers.attention,
      writing,
    );
    const wide = writeActivation(
      encoder.config.hiddenActivation,
      writeLinear(attended, linears.feedForwardIn.path, writing),
      graph,
    );
    const fed = writeLinear(wide, linears.feedForwardOut.path, writing);
    const output = finishSublayer(fed, attended, sublayers.feedForward, writing);
    return effects.take('hiddenDelta', layer.path).reduce((states, { form }, index) => {
      const delta = writeBottleneck(states, form!, `${layer.path}.hiddenDelta.${index}`, writing);
      return graph.node('Add', [states, delta]);
    }, output);
  });
}

/** What is added to the scores of every attention. */
export interface ScoreTerms {
  /** `[batch, 1, 1, tokens]`: 0 open and very negative closed. */
  readonly mask: Value;
  /** `[1, heads, tokens, tokens]`, where the family has it. */
  readonly bias: Value | undefined;
  /** What scores by distance are made of, where the family has them. */
  readonly distances: DistanceValues | undefined;
}

/** Multi-head attention before its output map. */
function writeAttention(x: Value, { mask, bias, distances }: ScoreTerms, layer: EncoderLayer, writing: Writing): Value {
  const { attention: path, linears } = layer;
  const { graph, encoder, effects } = writing;
  const { node, integers, scalar } = graph;
  const { numAttentionHeads: heads, hiddenSize, options } = encoder.config;
  const size = hiddenSize / heads;
  const prefixes = effects.take('keyValuePrefix', path);
  const perHead = ({ path: map }: LinearModule, axes: readonly number[]) =>
    node('Transpose', [node('Reshape', [writeLinear(x, map, writing), integers([0, 0, heads, size])])], { perm: axes });
  const queries = node('Mul', [
    perHead(linears.query, [0, 2, 1, 3]),
    scalar(1 / Math.sqrt(size * (1 + (options?.disentangled?.parts.length ?? 0)))),
  ]);
  const textKeys = perHead(linears.key, [0, 2, 1, 3]);
  const keys = prepend(prefixes, 'keys', textKeys, x, writing);
  const values = prepend(prefixes, 'values', perHead(linears.value, [0, 2, 1, 3]), x, writing);
  const scores = node('MatMul', [queries, node('Transpose', [keys], { perm: [0, 1, 3, 2] })]);
  const length = prefixes.reduce((sum, prefix) => sum + lengthOf(prefix), 0);
  const forPrefixes = (term: Value) =>
    length === 0 ? term : node('Pad', [term, integers([0, 0, 0, length, 0, 0, 0, 0]), scalar(0)]);
  const ofPlaces = distances ? writeDistanceScores(queries, textKeys, distances, layer, writing) : bias;
  const placed = ofPlaces === undefined ? scores : node('Add', [scores, forPrefixes(ofPlaces)]);
  const weights = node('Softmax', [node('Add', [placed, forPrefixes(mask)])], { axis: -1 });
  const joined = node('Transpose', [node('MatMul', [weights, values])], { perm: [0, 2, 1, 3] });
  return node('Reshape', [joined, integers([0, 0, hiddenSize])]);
}

const lengthOf = ({ keys }: KeyValuePrefix): number => keys.shape.at(-2)!;

/** Keys or values of prefixes before those of the text, `[batch, heads, length + tokens, size]`. */
function prepend(
  prefixes: readonly KeyValuePrefix[],
  which: 'keys' | 'values',
  ofText: Value,
  x: Value,
  { graph, numbers }: Writing,
): Value {
  if (prefixes.length === 0) return ofText;
  const parts = prefixes.map((prefix, index) => {
    const shape = prefix[which].shape.slice(-3);
    const name = `${prefix.path}.prefix.${index}.${which}`;
    return expandOver(graph.floats(name, numbers.of(prefix[which]), [1, ...shape]), shape, x, graph);
  });
  return graph.node('Concat', [...parts, ofText], { axis: 2 });
}

/** A constant `[1, ...shape]` once for every example of a batch. */
export function expandOver(
  constant: Value,
  shape: readonly number[],
  x: Value,
  { node, integers }: GraphBuilder,
): Value {
  const batch = node('Shape', [x], { start: 0, end: 1 });
  return node('Expand', [constant, node('Concat', [batch, integers([...shape])], { axis: 0 })]);
}

/** Adapters, residual, LayerNorm, in the order of the forward pass here. */
function finishSublayer(output: Value, input: Value, sublayer: Sublayer, writing: Writing): Value {
  const { graph, effects } = writing;
  const adapters = effects.take('sublayerAdapter', sublayer.path);
  const normed = (z: Value) => writeNorm(graph.node('Add', [z, input]), sublayer.norm, writing);
  const placed = (wanted: SublayerAdapter['placement']) =>
    adapters.flatMap((adapter, index) =>
      adapter.placement === wanted
        ? [(z: Value) => writeBottleneck(z, adapter.form!, `${sublayer.path}.adapter.${index}`, writing)]
        : [],
    );
  let y = output;
  for (const adapter of placed('sequential')) y = adapter(y);
  for (const adapter of placed('normed')) y = graph.node('Add', [y, adapter(normed(y))]);
  for (const adapter of placed('parallel')) y = graph.node('Add', [y, adapter(input)]);
  return normed(y);
}

/** A function of activations from its declared form. */
function writeBottleneck(x: Value, form: BottleneckForm, name: string, { graph, numbers }: Writing): Value {
  const { node, floats, scalar } = graph;
  const constant = (part: 'down' | 'downBias' | 'up' | 'upBias') =>
    floats(`${name}.${part}`, numbers.of(form[part]), form[part].shape);
  const narrow = node('Add', [node('MatMul', [x, constant('down')]), constant('downBias')]);
  const active = writeActivation(form.activation, narrow, graph);
  const wide = node('Add', [node('MatMul', [active, constant('up')]), constant('upBias')]);
  const { scale } = form;
  const scaled =
    scale === 1
      ? wide
      : node('Mul', [
          wide,
          typeof scale === 'number' ? scalar(scale) : floats(`${name}.scale`, numbers.of(scale), scale.shape),
        ]);
  return form.addsInput ? node('Add', [x, scaled]) : scaled;
}
