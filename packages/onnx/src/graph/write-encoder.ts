import type { BottleneckForm, KeyValuePrefix, SublayerAdapter } from '@tfjs-peft/peft-core/interventions';
import type { EncoderLayer, Sublayer } from '@tfjs-peft/transformer';
import { writeActivation } from './activations.js';
import type { GraphBuilder, Value } from './graph-builder.js';
import { type DistanceValues, writeDistanceScores } from './write-distances.js';
import { type RotaryValues, writeRotation } from './write-rotary.js';
import { expandOver, writeLinear, writeNorm, type Writing } from './write-maps.js';

/** One layer: attention, then the feed-forward network, each with adapters, residual and LayerNorm; states `[batch, tokens, hidden]`. */
export function writeLayer(x: Value, scores: ScoreTerms, layer: EncoderLayer, writing: Writing): Value {
  const { graph, encoder, effects } = writing;
  const { linears, sublayers } = layer;
  return graph.within(layer.path, () => {
    const { normFirst, gated } = encoder.family.modules.layers;
    const read = (states: Value, { norm }: Sublayer) =>
      normFirst && norm !== undefined ? writeNorm(states, norm, writing) : states;
    const heads = writeAttention(read(x, sublayers.attention), scores, layer, writing);
    const attended = finishSublayer(
      writeLinear(heads, linears.attentionOutput.path, writing),
      x,
      sublayers.attention,
      writing,
    );
    const { hiddenActivation, intermediateSize } = encoder.config;
    const expanded = writeLinear(read(attended, sublayers.feedForward), linears.feedForwardIn.path, writing);
    const half = (part: number) => writePart(expanded, part, intermediateSize, graph);
    const wide = gated
      ? graph.node('Mul', [writeActivation(hiddenActivation, half(0), graph), half(1)])
      : writeActivation(hiddenActivation, expanded, graph);
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
  /** By layer: what turns queries and keys, and what is out of sight, where the family has them. */
  readonly rotary: RotaryValues | undefined;
}

/** Queries, keys and values, each `[batch, tokens, hidden]`. */
function writeProjections(x: Value, { projections }: EncoderLayer, size: number, writing: Writing): readonly Value[] {
  const values = projections.map(({ path }) => writeLinear(x, path, writing));
  return values.length === 1 ? [0, 1, 2].map((part) => writePart(values[0]!, part, size, writing.graph)) : values;
}

/** One of the parts of equal size of the last axis. */
const writePart = (x: Value, part: number, size: number, { node, integers }: GraphBuilder): Value =>
  node('Slice', [x, integers([part * size]), integers([(part + 1) * size]), integers([-1])]);

/** Multi-head attention before its output map. */
function writeAttention(
  x: Value,
  { mask: ofText, bias, distances, rotary }: ScoreTerms,
  layer: EncoderLayer,
  writing: Writing,
): Value {
  const { attention: path } = layer;
  const window = rotary?.windows[layer.layer];
  const { graph, encoder, effects } = writing;
  const { node, integers, scalar } = graph;
  const { numAttentionHeads: heads, hiddenSize, options } = encoder.config;
  const size = hiddenSize / heads;
  const prefixes = effects.take('keyValuePrefix', path);
  const projected = writeProjections(x, layer, hiddenSize, writing);
  const angles = rotary && rotary.angles[layer.layer]!;
  const perHead = (map: number, isTurned = false) => {
    const states = node('Transpose', [node('Reshape', [projected[map]!, integers([0, 0, heads, size])])], {
      perm: [0, 2, 1, 3],
    });
    return isTurned && angles ? writeRotation(states, angles, size, graph) : states;
  };
  const queries = node('Mul', [
    perHead(0, true),
    scalar(1 / Math.sqrt(size * (1 + (options?.disentangled?.parts.length ?? 0)))),
  ]);
  const textKeys = perHead(1, true);
  const keys = prepend(prefixes, 'keys', textKeys, x, writing);
  const values = prepend(prefixes, 'values', perHead(2), x, writing);
  const scores = node('MatMul', [queries, node('Transpose', [keys], { perm: [0, 1, 3, 2] })]);
  const length = prefixes.reduce((sum, prefix) => sum + lengthOf(prefix), 0);
  const mask = window === undefined ? ofText : node('Add', [ofText, window]);
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

/** Adapters, residual, LayerNorm, in the order of the forward pass here. */
function finishSublayer(output: Value, input: Value, sublayer: Sublayer, writing: Writing): Value {
  const { graph, effects } = writing;
  const adapters = effects.take('sublayerAdapter', sublayer.path);
  const { norm } = sublayer;
  const isLast = !writing.encoder.family.modules.layers.normFirst && norm !== undefined;
  const normed = (z: Value) => {
    const sum = graph.node('Add', [z, input]);
    return isLast ? writeNorm(sum, norm, writing) : sum;
  };
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
