import type { AdapterOptions } from './config.js';

const preset =
  (values: AdapterOptions) =>
  (changes: AdapterOptions = {}): AdapterOptions => ({
    ...values,
    ...(changes.bottleneckSize != null && { reductionFactor: null }),
    ...changes,
  });

/**
 * One adapter a layer, after the feed-forward network, its residual and its LayerNorm, reduction factor 16, ReLU (Pfeiffer et al. 2021, arXiv
 * 2005.00247; AdapterHub's `seq_bn`).
 */
export const seqBnConfig = preset({
  placement: 'normed',
  places: ['feedForward'],
  reductionFactor: 16,
  activation: 'relu',
});

/** Sequential adapters after attention and after the feed-forward network, reduction factor 16, swish (Houlsby et al. 2019, arXiv 1902.00751). */
export const doubleSeqBnConfig = preset({
  placement: 'sequential',
  places: ['attention', 'feedForward'],
  reductionFactor: 16,
  activation: 'swish',
});

/** One adapter a layer beside the feed-forward network, reduction factor 2, ReLU, scale 4 (He et al. 2022, arXiv 2110.04366). */
export const parBnConfig = preset({
  placement: 'parallel',
  places: ['feedForward'],
  reductionFactor: 2,
  activation: 'relu',
  scale: 4,
  initialisation: 'mam',
});
