import type { BottleneckForm } from '@tfjs-peft/peft-core/interventions';
import type { EncoderConfig } from '@tfjs-peft/transformer';
import type { GraphBuilder, Value } from './graph-builder.js';

type ActivationName = EncoderConfig['hiddenActivation'] | BottleneckForm['activation'];

/** In the order that runtimes know as one operation. */
function gelu(x: Value, { node, scalar }: GraphBuilder): Value {
  const erf = node('Erf', [node('Div', [x, scalar(Math.SQRT2)])]);
  return node('Mul', [node('Mul', [x, node('Add', [erf, scalar(1)])]), scalar(0.5)]);
}

function geluTanh(x: Value, { node, scalar }: GraphBuilder): Value {
  const cube = node('Mul', [node('Mul', [node('Mul', [x, x]), x]), scalar(0.044715)]);
  const inner = node('Tanh', [node('Mul', [node('Add', [x, cube]), scalar(Math.sqrt(2 / Math.PI))])]);
  return node('Mul', [node('Mul', [x, node('Add', [inner, scalar(1)])]), scalar(0.5)]);
}

const silu = (x: Value, { node }: GraphBuilder): Value => node('Mul', [x, node('Sigmoid', [x])]);

/** All that hosts and adapters use, by the names of HF's config.json: exhaustive. */
const activations: Readonly<Record<ActivationName, (x: Value, graph: GraphBuilder) => Value>> = {
  gelu,
  gelu_new: geluTanh,
  gelu_pytorch_tanh: geluTanh,
  gelu_fast: geluTanh,
  relu: (x, { node }) => node('Relu', [x]),
  silu,
  swish: silu,
  tanh: (x, { node }) => node('Tanh', [x]),
  sigmoid: (x, { node }) => node('Sigmoid', [x]),
  leaky_relu: (x, { node }) => node('LeakyRelu', [x], { alpha: { float: 0.01 } }),
  identity: (x) => x,
};

/** An activation, element by element. */
export const writeActivation = (name: ActivationName, x: Value, graph: GraphBuilder): Value =>
  activations[name](x, graph);
