import { PeftError } from '@tfjs-peft/peft-core';
import type { ReadoutMap } from '@tfjs-peft/peft-core/interventions';
import type { Value } from './graph-builder.js';
import type * as tf from '@tensorflow/tfjs';
import { writeActivation } from './activations.js';
import type { Embedded } from './write-embeddings.js';
import { inputNames, writeLinear, type Writing, writeZeros } from './write-maps.js';

/** Logits `[batch, labels]` from the last hidden states. */
export function writeHead(states: Value, { virtual }: Embedded, head: ReadoutMap, writing: Writing): Value {
  const { graph, numbers } = writing;
  return graph.within('head', () => {
    const affine = (
      x: Value,
      name: string,
      { weight, bias }: NonNullable<ReadoutMap['hidden']> | ReadoutMap,
      output?: Value,
    ) =>
      graph.node(
        'Gemm',
        [
          x,
          graph.floats(`${name}.weight`, numbers.of(weight), weight.shape),
          ...(bias ? [graph.floats(`${name}.bias`, numbers.of(bias), bias.shape)] : []),
        ],
        { transB: 1 },
        output,
      );
    const pooled = writeReadout(states, virtual, head.readout, writing);
    const { hidden } = head;
    const active = hidden && writeActivation(hidden.activation, affine(pooled, 'head.dense', hidden), graph);
    const features = active && hidden.norm ? writeHeadNorm(active, hidden.norm, writing) : (active ?? pooled);
    return affine(features, 'head.classifier', head, 'logits');
  });
}

/** A LayerNorm without a bias. */
function writeHeadNorm(x: Value, weight: tf.Tensor, { graph, numbers, encoder }: Writing): Value {
  const scale = graph.floats('head.norm.weight', numbers.of(weight), weight.shape);
  return graph.node('LayerNormalization', [x, scale, writeZeros(weight.shape, graph)], {
    axis: -1,
    epsilon: { float: encoder.config.layerNormEpsilon },
  });
}

/** Pooled features `[batch, hidden]`: place 0 is the first virtual token where there are some; the mean is over the text alone. */
function writeReadout(states: Value, virtual: number, readout: ReadoutMap['readout'], writing: Writing): Value {
  const { node, integers, scalar } = writing.graph;
  const first = () => node('Gather', [states, integers(0)], { axis: 1 });
  switch (readout) {
    case 'cls':
      return first();
    case 'pooler':
      return node('Tanh', [writeLinear(first(), writing.encoder.pooler!.path, writing)]);
    case 'mean': {
      const text =
        virtual === 0
          ? states
          : node('Slice', [states, integers([virtual]), integers([Number.MAX_SAFE_INTEGER]), integers([1])]);
      const mask = node('Cast', [inputNames.mask], { to: 1 });
      const count = node('Max', [node('ReduceSum', [mask, integers([1])], { keepdims: 1 }), scalar(1)]);
      const shares = node('Unsqueeze', [node('Div', [mask, count]), integers([1])]);
      return node('Squeeze', [node('MatMul', [shares, text]), integers([1])]);
    }
    case 'mask':
      throw new PeftError('NOT_EXPORTABLE', {
        found: 'a head that reads the mask of a prompt',
        expected: 'a head at `cls`, `pooler` or `mean`',
        fix: 'run the adapter here; an exported model would lack the head of the masked language model',
      });
    case 'last':
      throw new Error('the last token as the readout of an encoder, which offers none');
    default:
      throw new Error(`a readout ${readout satisfies never}`);
  }
}
