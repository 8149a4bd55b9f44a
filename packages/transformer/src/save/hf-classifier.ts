import { type ClassifierLayout, type HeadActivation, PeftError } from '@tfjs-peft/peft-core';
import { type ReadoutMap } from '@tfjs-peft/peft-core/interventions';
import type * as tf from '@tensorflow/tfjs';
import type { Encoder } from '../architecture/encoder.js';
import type { EncoderHost } from '../encoder/create-host.js';

/** An affine map or a LayerNorm as torch stores it: weight `[output, input]` or `[size]`, bias `[output]`. */
export interface TorchModule {
  readonly path: string;
  readonly weight: tf.Tensor;
  readonly bias?: tf.Tensor;
}

/** The one dense layer between the first token and the labels that HF's sequence classifier of an architecture has. */
function denseLayerOf({ family, classifier }: Encoder): NonNullable<ClassifierLayout['hidden']> {
  const { hidden, readout } = classifier;
  if (hidden) return hidden;
  if (readout === 'pooler' && family.modules.pooler)
    return { path: `${family.baseModelPrefix}.${family.modules.pooler}`, activation: 'tanh' };
  throw new PeftError('HOST_UNSUPPORTED', { found: `a classifier of ${family.name} without a dense layer` });
}

/**
 * The maps of HF's sequence classifier that compute a head's logits: the dense layer on the first token, which is a pooler or a layer of the head, and
 * the map to the labels. Call inside `tf.tidy`. Errors: `HEAD_NOT_IN_HF` for a head that has another form.
 */
export function toHfClassifier(head: ReadoutMap, host: EncoderHost): readonly TorchModule[] {
  const { encoder } = host;
  const wanted = denseLayerOf(encoder);
  const found = denseOf(head, host);
  const isNormed = found !== undefined && 'norm' in found && found.norm !== undefined;
  if (found?.activation !== wanted.activation || isNormed !== (wanted.norm !== undefined))
    throw notInHf(head, encoder, wanted.activation);
  return [
    { path: wanted.path, weight: found.weight, ...(found.bias && { bias: found.bias }) },
    ...(isNormed ? [{ path: wanted.norm!, weight: (found as { norm: tf.Tensor }).norm }] : []),
    { path: encoder.classifier.output, weight: head.weight, bias: head.bias },
  ];
}

/** The dense layer between the first token and the labels; undefined if there is none, or more than that. */
function denseOf({ readout, hidden }: ReadoutMap, { encoder, weight }: EncoderHost) {
  const wanted = encoder.classifier.readout === 'mean' ? 'mean' : 'cls';
  if (readout === wanted) return hidden;
  if (readout !== 'pooler' || hidden) return undefined;
  const { path } = encoder.pooler!;
  return { activation: 'tanh' as const, weight: weight(`${path}.weight`).transpose(), bias: weight(`${path}.bias`) };
}

const notInHf = (
  { readout, hidden }: ReadoutMap,
  { family, pooler, classifier }: Encoder,
  activation: HeadActivation,
) =>
  new PeftError('HEAD_NOT_IN_HF', {
    found: `a head on the readout "${readout}" ${hidden ? `with a dense layer and ${hidden.activation}` : 'without a dense layer'}`,
    expected: `what ${family.className}ForSequenceClassification computes: ${classifier.readout === 'mean' ? 'the mean' : 'the first token'}, a dense layer with ${activation}${classifier.hidden?.norm === undefined ? '' : ' and a LayerNorm'}, the labels`,
    fix:
      pooler && activation === 'tanh'
        ? 'train with the readout "pooler" (--set model.readout=pooler), or export to ONNX, which holds every head'
        : `train a head with readout "${classifier.readout}" and hidden "${activation}"${classifier.hidden?.norm === undefined ? '' : ' and normalised: true'}, or export to ONNX, which holds every head`,
  });
