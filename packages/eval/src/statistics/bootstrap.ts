import { createStream, PeftError, substream } from '@tfjs-peft/peft-core';
import { drawIndices } from './resample.js';
import { studentTQuantile } from './student-t.js';
import type { Interval } from './summarise.js';

/** A statistic of runs on common test items, to be judged over new runs and new items at once. */
export interface HierarchicalBootstrapOptions {
  /** Number of clusters: data splits (the runs of one split stay together), or training seeds where there is one split. */
  readonly clusters: number;
  /** Number of test items, the same for all runs. */
  readonly items: number;
  /** The statistic of chosen clusters and items, which may repeat. A paired difference takes the same choice for both methods. */
  readonly statistic: (clusters: ArrayLike<number>, items: ArrayLike<number>) => number;
  /** Default 1000. */
  readonly draws?: number;
  /** Default 0.05. */
  readonly alpha?: number;
  /** Of the draws; default 0. */
  readonly seed?: number;
}

/** An estimate with a standard error whose parts are known. */
export interface BootstrapEstimate {
  readonly value: number;
  /** Null for fewer than two clusters or items, and where nothing varies. */
  readonly interval: Interval | null;
  readonly standardError: number;
  /** Standard errors of new clusters with these items, and of new items with these clusters. */
  readonly clusterError: number;
  readonly itemError: number;
  /** Satterthwaite's, of `standardError`. */
  readonly degreesOfFreedom: number;
}

/**
 * Bootstrap over clusters and items of a crossed design: all runs are tested on the same items, so that items are no second level below the
 * runs. Each way draws one less than there are, which makes its variance unbiased for a mean (Rao and Wu 1988); drawing both at once counts what
 * clusters and items share three times (Owen 2007, "The pigeonhole bootstrap"), drawing each alone once, hence the variance
 * `2 (V_clusters + V_items) - V_both`. The interval is Student's with Satterthwaite's degrees of freedom: percentiles of five splits are too narrow.
 * Errors: `BOOTSTRAP_EMPTY`.
 */
export function hierarchicalBootstrap(options: HierarchicalBootstrapOptions): BootstrapEstimate {
  const { clusters, items, statistic, draws = 1000, alpha = 0.05, seed = 0 } = options;
  if (clusters < 1 || items < 1)
    throw new PeftError('BOOTSTRAP_EMPTY', {
      found: `${clusters} clusters and ${items} items`,
      expected: 'at least one of each',
    });
  const root = createStream(`bootstrap ${seed}`);
  const [allClusters, allItems] = [range(clusters), range(items)];
  const varianceOf = (name: string, withClusters: boolean, withItems: boolean) => {
    const stream = substream(root, name);
    // One long draw a way, cut up: a stream each would cost more than the numbers.
    const chosen = withClusters ? drawIndices(substream(stream, 'clusters'), clusters, draws * (clusters - 1)) : null;
    const rows = withItems ? drawIndices(substream(stream, 'items'), items, draws * (items - 1)) : null;
    const values = Float64Array.from({ length: draws }, (_, draw) =>
      statistic(
        chosen?.subarray(draw * (clusters - 1), (draw + 1) * (clusters - 1)) ?? allClusters,
        rows?.subarray(draw * (items - 1), (draw + 1) * (items - 1)) ?? allItems,
      ),
    );
    return variance(values);
  };
  const value = statistic(allClusters, allItems);
  const [many, wide] = [clusters > 1, items > 1];
  const ofClusters = many ? varianceOf('clusters', true, false) : 0;
  const ofItems = wide ? varianceOf('items', false, true) : 0;
  const both = many && wide ? varianceOf('both', true, true) : 0;
  const total = many && wide ? Math.max(ofClusters, ofItems, 2 * (ofClusters + ofItems) - both) : ofClusters + ofItems;
  const standardError = Math.sqrt(total);
  const spread = (many ? ofClusters ** 2 / (clusters - 1) : 0) + (wide ? ofItems ** 2 / (items - 1) : 0);
  const degreesOfFreedom = spread > 0 ? total ** 2 / spread : 0;
  const half = standardError > 0 ? studentTQuantile(1 - alpha / 2, degreesOfFreedom) * standardError : 0;
  return {
    value,
    interval: many && wide && half > 0 ? [value - half, value + half] : null,
    standardError,
    clusterError: Math.sqrt(ofClusters),
    itemError: Math.sqrt(ofItems),
    degreesOfFreedom,
  };
}

/** Mean of `[cluster][item]` values over choices of both: the statistic of what is a mean over items, such as accuracy. */
export const meanOf =
  (values: readonly ArrayLike<number>[]): HierarchicalBootstrapOptions['statistic'] =>
  (clusters, items) => {
    let sum = 0;
    for (let at = 0; at < clusters.length; at++) {
      const row = values[clusters[at]!]!;
      for (let item = 0; item < items.length; item++) sum += row[items[item]!]!;
    }
    return sum / (clusters.length * items.length);
  };

const range = (size: number) => Int32Array.from({ length: size }, (_, index) => index);

function variance(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
}
