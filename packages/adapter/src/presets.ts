import type { AdapterOptions } from './config.js';

const preset =
  (values: AdapterOptions) =>
  (changes: AdapterOptions = {}): AdapterOptions => ({
    ...values,
    ...(changes.bottleneckSize != null && { reductionFactor: null }),
    ...changes,
  });

/**
 * One sequential adapter a layer, after the feed-forward network, reduction factor 16, ReLU: the place and size of Pfeiffer et al. 2021 (arXiv
 * 2005.00247). It reads the sublayer's output; the LayerNorm that AdapterHub's `seq_bn` puts before it is not implemented (docs/adapter.md).
 */
export const seqBnConfig = preset({
  placement: 'sequential',
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
