import { type Context, substream } from '@tfjs-peft/peft-core';
import type { EffectiveSpec } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import type { SubspaceConfig } from './config.js';
import { drawCoefficients } from './draw-coefficients.js';

/** Coefficients `[rows, vertices]` for a parameter: a row an example where `canDiffer` and the configuration allow it, else one. */
export type DrawSite = (
  spec: EffectiveSpec,
  canDiffer: boolean,
) => { readonly coefficients: tf.Tensor2D; readonly perExample: boolean };

/** Each site's coefficients of one pass, drawn when first asked for. */
export function drawOnce(
  { granularity, distribution, vertices, shareSiteDraws }: SubspaceConfig,
  context: Context,
): DrawSite {
  const drawn = new Map<string, tf.Tensor2D>();
  const everySite = granularity.endsWith('_layer');
  return ({ name, site = name, layer }: EffectiveSpec, canDiffer: boolean) => {
    const perExample = granularity.startsWith('example') && canDiffer;
    const rows = perExample ? context.batchSize : 1;
    const place = layer === undefined ? site : `${site}/${layer}`;
    const key = `${everySite ? (shareSiteDraws ? place : name) : 'all'}:${rows}`;
    let coefficients = drawn.get(key);
    if (!coefficients) {
      const values = drawCoefficients(substream(context.streams.draws, key), rows, vertices, distribution);
      coefficients = tf.tensor2d(values, [rows, vertices]);
      drawn.set(key, coefficients);
    }
    return { coefficients, perExample };
  };
}
