import { sizeOf } from '@tfjs-peft/peft-core/authoring';
import type { Encoder } from '@tfjs-peft/transformer';
import type { EffectIndex } from '../effect-index.js';
import type { Numbers } from '../numbers.js';
import type { GraphBuilder, Value } from './graph-builder.js';

/** Inputs of a graph, all `[batch, tokens]` int64. */
export const inputNames = { ids: 'input_ids', mask: 'attention_mask', types: 'token_type_ids' } as const;

/** What all parts of a graph are written from. */
export interface Writing {
  readonly graph: GraphBuilder;
  readonly encoder: Encoder;
  readonly effects: EffectIndex;
  readonly numbers: Numbers;
}

/** The affine map at a path, `x · W + b`. */
export function writeLinear(x: Value, path: string, { graph, numbers, encoder }: Writing): Value {
  const product = graph.node('MatMul', [x, writeWeight(path, numbers, graph)]);
  if (encoder.family.modules.unbiased) return product;
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

/** Zeros for a bias that a LayerNorm does not have. */
export const writeZeros = (shape: readonly number[], graph: GraphBuilder): Value =>
  graph.floats(`zeros [${shape.join()}]`, new Float32Array(sizeOf(shape)), shape);

export function writeNorm(x: Value, path: string, { graph, numbers, encoder }: Writing): Value {
  const { data, shape } = numbers.weight(`${path}.weight`);
  const scale = graph.floats(`${path}.weight`, data, shape);
  const attributes = { axis: -1, epsilon: { float: encoder.config.layerNormEpsilon } };
  // ONNX Runtime's optimisers fall over one that is left out.
  const bias = encoder.normBias ? writeBias(path, numbers, graph) : writeZeros(shape, graph);
  return graph.node('LayerNormalization', [x, scale, bias], attributes);
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
