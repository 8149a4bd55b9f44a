import {
  type EncodedText,
  type HeadMethod,
  type Host,
  type NamedArray,
  type Parameters,
  PeftError,
  type PeftMethod,
} from '@tfjs-peft/peft-core';
import { resolveReadout } from '@tfjs-peft/peft-core/authoring';
import { extractFeatures } from './extract-features.js';
import { fitLinearModel, type LinearFitOptions } from './linear-probe.js';

/** Which head is fitted, on which texts and labels. */
export interface FitHeadOptions extends Pick<LinearFitOptions, 'task' | 'inverseStrength' | 'standardise'> {
  readonly host: Host;
  /** One affine map: `hidden: "none"`. Its labels and its readout say what is fitted. */
  readonly head: HeadMethod;
  /** Acts on the host, at its deployed point; nothing does if absent. */
  readonly adapter?: { readonly method: PeftMethod; readonly effective: Parameters };
  readonly texts: readonly EncodedText[];
  /** Class indices, or numbers for a regression. */
  readonly labels: readonly number[];
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
}

/**
 * The parameters of a head, fitted at once on the features of the host with an adapter (the second stage of SetFit, arXiv 2209.11055): logistic or
 * ridge regression instead of training steps. Errors: `HEAD_UNSUPPORTED` for a head with a dense layer, or with several labels for a regression;
 * `FEATURES_MISSHAPEN` for labels of other texts; `TEXT_EMPTY`, `LABEL_INVALID`, `READOUT_UNAVAILABLE`, `PREDICTION_ABORTED`.
 */
export async function fitHead(options: FitHeadOptions): Promise<Map<string, NamedArray>> {
  const { host, head, labels } = options;
  const { names, hidden } = head.head;
  if (hidden !== 'none')
    throw new PeftError('HEAD_UNSUPPORTED', {
      found: `a head with a dense layer (${hidden}) to be fitted in closed form`,
      expected: 'one affine map',
      fix: 'use hidden "none", or train the head',
    });
  const labelCount = head.head.labels.length;
  if (options.task === 'regression' && labelCount !== 1)
    throw new PeftError('HEAD_UNSUPPORTED', {
      found: `a head of ${labelCount} labels for a regression`,
      expected: 'one label',
      fix: "use head({ labels: ['score'] })",
    });
  if (labels.length !== options.texts.length)
    throw new PeftError('FEATURES_MISSHAPEN', {
      found: `${labels.length} labels for ${options.texts.length} texts`,
      expected: 'one for each text',
    });
  const features = await extractFeatures({ ...options, readout: resolveReadout(head.head, host.spec) });
  const { weight, bias } = fitLinearModel({ ...options, features, labels, labelCount });
  return new Map([
    [names.weight, { shape: [labelCount, host.spec.hiddenSize], data: Float32Array.from(weight) }],
    [names.bias, { shape: [labelCount], data: Float32Array.from(bias) }],
  ]);
}
