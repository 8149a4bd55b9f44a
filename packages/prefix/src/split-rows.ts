import type { HostSpec, Parameters } from '@tfjs-peft/peft-core';
import type * as tf from '@tensorflow/tfjs';
import type { PrefixConfig } from './config.js';
import { keysName, valuesName } from './names.js';
import { prefixSites } from './prefix-sites.js';

/**
 * Effective parameters from rows `[prefixLength, 2 · layers · hidden]` of the layers with a prefix, viewed as `[prefixLength, 2 · layers, heads, headSize]` with keys at
 * even and values at odd places, the layout of HF peft's files.
 */
export function splitRows(config: PrefixConfig, rows: tf.Tensor2D, host: HostSpec): Parameters {
  const sites = prefixSites(config, host);
  const { heads, headSize } = sites[0]!;
  const slots = rows
    .reshape([config.prefixLength, 2 * sites.length, heads, headSize])
    .transpose([1, 2, 0, 3])
    .unstack();
  return new Map(
    sites.flatMap(({ path }, layer): [string, tf.Tensor][] => [
      [keysName(config, path), slots[2 * layer]!],
      [valuesName(config, path), slots[2 * layer + 1]!],
    ]),
  );
}
