import {
  createStream,
  type EncodedText,
  type Host,
  type HostSpec,
  type PeftMethod,
  substream,
} from '@tfjs-peft/peft-core';
import { dropout, getParameter, normals, uniforms } from '@tfjs-peft/peft-core/authoring';
import type { Interventions } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';

const vocabulary = 24;
export const hidden = 6;

/** A host of one embedding table, with dropout on it in training; its one linear site is the identity. */
export function createToyHost({ dropoutRate = 0.1, name = 'toy' } = {}): Host {
  // The first number of a token's vector says, noisily, which class it is more frequent in.
  const values = normals(createStream(name), vocabulary * hidden).map((value, index) =>
    index % hidden > 0 ? value : value / 2 + (index / hidden > 11 ? 1 : -1),
  );
  const table = tf.tensor2d(values, [vocabulary, hidden]);
  const spec: HostSpec = {
    modelType: 'toy',
    baseModelPrefix: 'toy',
    hiddenSize: hidden,
    numHiddenLayers: 1,
    numAttentionHeads: 1,
    maxPositionEmbeddings: 32,
    padTokenId: 0,
    defaultReadout: 'mean',
    sites: [
      { kind: 'linear', path: 'dense', layer: 0, inputSize: hidden, outputSize: hidden },
      { kind: 'readout', path: 'readout', size: hidden, readouts: ['mean'] },
    ],
    fingerprint: `fingerprint of ${name}`,
    classifier: { output: 'classifier', readout: 'cls' },
    name,
  };
  const readOut: Host['readOut'] = (states, mask) => {
    const weights = mask.toFloat().expandDims(2);
    return tf.div(states.mul(weights).sum(1), weights.sum(1));
  };
  return {
    spec,
    forward(inputs, interventions, context) {
      const embedded = tf.gather<tf.Tensor>(table, inputs.inputIds) as tf.Tensor3D;
      const dropped =
        context.mode === 'train'
          ? dropout(embedded, dropoutRate, substream(context.streams.dropout, 'embeddings'))
          : embedded;
      const lastHiddenState = applyBiases(dropped, interventions);
      const readout = interventions.find((intervention) => intervention.kind === 'readout');
      if (!readout) return { lastHiddenState };
      const pooled = readOut(lastHiddenState, inputs.attentionMask, readout.readout);
      const { weight, bias } = readout;
      const products =
        weight.rank === 3
          ? tf.matMul(weight as tf.Tensor3D, pooled.expandDims<tf.Tensor3D>(2)).squeeze([2])
          : tf.matMul(pooled, weight as tf.Tensor2D, false, true);
      return { lastHiddenState, logits: products.add(bias) as tf.Tensor2D };
    },
    readOut,
    withWeights: () => Promise.reject(new Error('the toy has fixed weights')),
    weight: () => table,
    dispose: () => table.dispose(),
  };
}

const applyBiases = (states: tf.Tensor3D, interventions: Interventions): tf.Tensor3D =>
  interventions.reduce<tf.Tensor3D>((sum, intervention) => {
    if (intervention.kind !== 'biasDelta') return sum;
    const { delta } = intervention;
    return sum.add(delta.rank === 2 ? delta.expandDims<tf.Tensor3D>(1) : delta);
  }, states);

/**
 * A vector added to the hidden states, made by a reparametrisation (base · gain). In `train` and `sample` it is blurred by noise drawn for
 * each example if `noise` is positive.
 */
export function toyShift({ noise = 0, beta = 0, project = false } = {}): PeftMethod<object> {
  return {
    type: 'TOY_SHIFT',
    config: { noise, beta, project },
    namespaces: ['shift'],
    plan: () => ({
      raw: [
        { name: 'shift.base', shape: [2, hidden], initial: { kind: 'normal', standardDeviation: 0.3 } },
        { name: 'shift.gain', shape: [2, 1], initial: { kind: 'constant', value: 1 } },
        { name: 'shift.fixed', shape: [hidden], initial: { kind: 'constant', value: 0.5 }, trainable: false },
      ],
      effective: [{ name: 'shift.vector', shape: [hidden], site: 'dense', perExample: 'axis' }],
    }),
    reparametrise: (raw) =>
      new Map([
        [
          'shift.vector',
          getParameter(raw, 'shift.base')
            .mul(getParameter(raw, 'shift.gain'))
            .sum(0)
            .add(getParameter(raw, 'shift.fixed')),
        ],
      ]),
    intervene(effective, { mode, batchSize, streams }) {
      const vector = getParameter(effective, 'shift.vector');
      if (mode === 'evaluate' || noise === 0) return [{ kind: 'biasDelta', path: 'dense', delta: vector }];
      const blur = tf.tensor2d(normals(streams.draws, batchSize * hidden), [batchSize, hidden]).mul(noise);
      return [{ kind: 'biasDelta', path: 'dense', delta: blur.add(vector) }];
    },
    ...(beta > 0 && {
      penalty: (effective) => getParameter(effective, 'shift.vector').square().sum().mul(beta) as tf.Scalar,
    }),
    ...(project && {
      afterStep: (raw) => new Map([...raw, ['shift.gain', getParameter(raw, 'shift.gain').clipByValue(0.999, 1.001)]]),
    }),
  };
}

/** Texts of tokens 1 to 11 (class 0) or 12 to 22 (class 1) with some tokens of the other class among them. */
export function toyExamples(count: number, seed: number | string): { text: EncodedText; label: number }[] {
  return Array.from({ length: count }, (_, index) => {
    const numbers = uniforms(substream(createStream(seed), index), 12);
    const label = index % 2;
    const length = 3 + Math.floor(numbers[0]! * 8);
    const inputIds = Array.from({ length }, (_unused, position) => {
      const own = position === 0 || numbers[position + 1]! < 0.85;
      return 1 + (own === (label === 1) ? 11 : 0) + Math.floor(((numbers[position + 1]! * 997) % 1) * 11);
    });
    return { text: { inputIds, tokenTypeIds: inputIds.map(() => 0) }, label };
  });
}

/** Accuracy; NaN for no rows at all. */
export function accuracy(logits: Float32Array, labels: readonly number[]) {
  const columns = logits.length / labels.length;
  const right = labels.filter((label, row) => {
    const values = [...logits.subarray(row * columns, (row + 1) * columns)];
    return values.indexOf(Math.max(...values)) === label;
  }).length;
  return { headline: right / labels.length, metrics: { accuracy: right / labels.length } };
}
