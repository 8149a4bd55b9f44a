import { timesMatrix } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { edgesOf, type OperationName, type TamsConfig } from './config.js';
import type { Find } from './controller.js';
import { edgeKey, kernelOf, operationsOfEdge } from './parameters.js';

/** What a cell gets beside its states. */
export interface CellInputs {
  /** `[batch, tokens]`, 1 for text: padding is no neighbour of a token. */
  readonly attentionMask: tf.Tensor2D;
  /** Whether a token may see those behind it alone: convolutions then pad on the left. */
  readonly causal: boolean;
  /** `[edges, operations]`, absent once an architecture is chosen. */
  readonly choice?: tf.Tensor2D;
}

/**
 * `x + Lin(mean of the nodes)`, with nodes `s_n = Σ_j Σ_m α[e(j, n), m] · op_m(s_j)` over the stems `ReLU(Lin(x))` and earlier nodes (Hou et al. 2022,
 * section 2.3). x `[batch, tokens, size]`, shape kept.
 */
export function applyCell(config: TamsConfig, find: Find, x: tf.Tensor, inputs: CellInputs): tf.Tensor {
  const stem = (name: string) => affine(x, find, name).relu();
  const states: tf.Tensor[] = [stem('stem0'), stem('stem1')];
  // What convolutions see of a state is the same on all edges that leave it.
  const windows = new Map<string, tf.Tensor>();
  const windowOf = (source: number, kernel: number): tf.Tensor => {
    const key = `${source} ${kernel}`;
    const window = windows.get(key) ?? neighbours(states[source]!, kernel, inputs);
    windows.set(key, window);
    return window;
  };
  const edges = edgesOf(config.nodes);
  for (let node = 0; node < config.nodes; node++) {
    const terms = edges.flatMap(({ source, target }, edge) => {
      if (target !== node + 2) return [];
      return operationsOfEdge(config, edge).flatMap((operation, column) => {
        if (operation === 'none') return [];
        const input = kernelOf[operation] > 1 ? windowOf(source, kernelOf[operation]) : states[source]!;
        const output = operate(operation, input, (key) => find(`${edgeKey(edge)}.${key}`));
        return inputs.choice ? output.mul(inputs.choice.slice([edge, column], [1, 1]).reshape([])) : output;
      });
    });
    states.push(terms.length > 0 ? tf.addN(terms) : tf.zerosLike(states[0]!));
  }
  return x.add(affine(tf.addN(states.slice(2)).div(config.nodes), find, 'final'));
}

/** Whether what an edge may compute looks at other tokens. */
export const seesNeighbours = (config: TamsConfig): boolean =>
  edgesOf(config.nodes).some((_, edge) => operationsOfEdge(config, edge).some((name) => kernelOf[name] > 1));

function operate(operation: OperationName, x: tf.Tensor, find: Find): tf.Tensor {
  switch (operation) {
    case 'none':
      return tf.zerosLike(x);
    case 'identity':
      return x;
    case 'glu': {
      const [value, gate] = tf.split(affine(x, find, operation), 2, -1) as [tf.Tensor, tf.Tensor];
      return value.mul(gate.sigmoid());
    }
    case 'linear':
    case 'conv3':
    case 'conv5':
      return affine(x, find, operation).relu();
  }
}

/**
 * The states of `kernel` tokens around each, side by side: `[batch, tokens, kernel · width]`, zeros beyond the text. One product with a matrix is then a
 * convolution, which the gradients of every backend can do. In a causal stack the window ends at the token itself.
 */
function neighbours(x: tf.Tensor, kernel: number, { attentionMask, causal }: CellInputs): tf.Tensor {
  const tokens = x.shape[1]!;
  const before = causal ? kernel - 1 : (kernel - 1) / 2;
  const text = x.mul(attentionMask.toFloat().expandDims(-1));
  const padded = text.pad([
    [0, 0],
    [before, kernel - 1 - before],
    [0, 0],
  ]);
  return tf.concat(
    Array.from({ length: kernel }, (_, offset) => padded.slice([0, offset, 0], [-1, tokens, -1])),
    2,
  );
}

/** `x · weight + bias` of states `[batch, tokens, in]`; the parameters may carry a batch axis. */
function affine(x: tf.Tensor, find: Find, map: string): tf.Tensor {
  const [weight, bias] = [find(`${map}.weight`), find(`${map}.bias`)];
  return timesMatrix(x, weight).add(bias.rank === 2 ? bias.expandDims(1) : bias);
}
