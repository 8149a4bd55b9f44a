import { PeftError } from '@tfjs-peft/peft-core';
import { digestBytes, sha256Hex } from '@tfjs-peft/peft-core/files';
import * as tf from '@tensorflow/tfjs';
import { describeEncoder } from '../architecture/encoder.js';
import { activate } from '../kernels/activations.js';
import type { EncoderHost } from '../encoder/create-host.js';
import { affineWeights, frozenAffine } from '../kernels/frozen-affine.js';
import { frozenLayerNorm } from '../kernels/layer-norm.js';
import type { LoadedTensor } from '../weights/read-weights.js';
import type { TensorSource } from '../weights/tensor-source.js';
import { readMlmTensors } from './read-mlm-tensors.js';
import { scoreWords } from './score-words.js';
import { selectPositions } from './select-positions.js';

/** What to compute of all logits. */
export interface MlmSelection {
  /**
   * `[batch, places]` int32: positions in the hidden states, where virtual tokens of prompts come before the text. All positions if absent.
   * Positions are selected before anything else is computed, so that the product with the vocabulary is as small as can be.
   */
  readonly positions?: tf.Tensor2D;
  /** Ids of the vocabulary, in the order of the logits; all if absent. */
  readonly tokenIds?: readonly number[];
}

/** The frozen head of a masked language model. */
export interface MlmHead {
  readonly vocabSize: number;
  /**
   * Logits `[batch, tokens or places, vocabulary or ids]` of last hidden states `[batch, tokens, hidden]`, differentiable in these.
   * Errors: `MLM_SELECTION_INVALID`, `HOST_DISPOSED`.
   */
  logits(lastHiddenState: tf.Tensor3D, selection?: MlmSelection): tf.Tensor3D;
  /**
   * What the head makes of states before the product with words, `[batch, places, hidden]`: dense layer, activation, LayerNorm. Differentiable in the states.
   * Errors: `MLM_SELECTION_INVALID`.
   */
  features(lastHiddenState: tf.Tensor3D, positions?: tf.Tensor2D): tf.Tensor3D;
  /** Rows of words `[vocabulary, hidden]` and their biases `[vocabulary]`; the head's and the host's own, not to be disposed. */
  readonly decoder: { readonly weight: tf.Tensor2D; readonly bias: tf.Tensor1D };
  /** SHA-256 over the stored numbers of the head. */
  readonly digest: string;
  /** Frees the head's own tensors; the word embeddings, which it shares, belong to the host. */
  dispose(): void;
}

/**
 * The head that a checkpoint stores for masked language modelling: dense layer, activation, LayerNorm, product with the word embeddings of the
 * host (or a decoder of its own where one is stored) and bias. Errors: `MLM_HEAD_MISSING`, `TENSOR_MISSING`, `TENSOR_MISSHAPEN`.
 */
export async function createMlmHead(host: EncoderHost, tensors: TensorSource): Promise<MlmHead> {
  const { config, spec } = host;
  const { family, embeddings } = describeEncoder(config, false);
  const stored = await readMlmTensors(config, tensors, spec.name);
  const upload = <T extends tf.Tensor>({ data, shape }: LoadedTensor) =>
    tf.keep(tf.tensor(data, [...shape], 'float32')) as T;
  const dense = affineWeights(upload<tf.Tensor2D>(stored.denseWeight), upload<tf.Tensor1D>(stored.denseBias));
  const norm = { weight: upload<tf.Tensor1D>(stored.normWeight), bias: upload<tf.Tensor1D>(stored.normBias) };
  const bias = upload<tf.Tensor1D>(stored.bias);
  const ownDecoder = stored.decoder && upload<tf.Tensor2D>(stored.decoder);
  const activation = family.mlmHead.activation === 'hidden' ? config.hiddenActivation : family.mlmHead.activation;

  const decoderWeight = () => ownDecoder ?? (host.weight(`${embeddings.words.path}.weight`) as tf.Tensor2D);
  const features = (lastHiddenState: tf.Tensor3D, positions?: tf.Tensor2D): tf.Tensor3D =>
    tf.tidy(() => {
      const states = positions ? selectPositions(lastHiddenState, positions) : lastHiddenState;
      const transformed = activate(activation, frozenAffine(states, dense));
      return frozenLayerNorm(transformed, norm.weight, norm.bias, config.layerNormEpsilon) as tf.Tensor3D;
    });
  const parts = Object.values(stored).filter((part): part is LoadedTensor => part !== undefined);
  const digest = sha256Hex((await Promise.all(parts.map(({ data }) => digestBytes(data)))).join('\n'));

  return {
    vocabSize: config.vocabSize,
    digest,
    features,
    get decoder() {
      return { weight: decoderWeight(), bias };
    },
    logits(lastHiddenState, { positions, tokenIds } = {}) {
      if (tokenIds) requireTokenIds(tokenIds, config.vocabSize);
      return tf.tidy(() => scoreWords(features(lastHiddenState, positions), decoderWeight(), bias, tokenIds));
    },
    dispose() {
      dense.disposeCopies();
      tf.dispose([dense.kernel, dense.bias, norm.weight, norm.bias, bias, ...(ownDecoder ? [ownDecoder] : [])]);
    },
  };
}

function requireTokenIds(tokenIds: readonly number[], vocabSize: number): void {
  const wrong = tokenIds.find((id) => !(Number.isInteger(id) && id >= 0 && id < vocabSize));
  if (tokenIds.length > 0 && wrong === undefined) return;
  throw new PeftError('MLM_SELECTION_INVALID', {
    found: wrong === undefined ? 'no token ids' : `token id ${wrong}`,
    expected: `ids from 0 to ${vocabSize - 1}`,
    fix: "take ids of the host's own tokenizer, or leave tokenIds out for the whole vocabulary",
  });
}
