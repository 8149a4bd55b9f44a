import { createStream, foldMethod, type FoldedMethod, PeftError, substream } from '@tfjs-peft/peft-core';
import { isSubspace, measureSimplex, pointOfSimplex, type SimplexGeometry } from '@tfjs-peft/subspace';
import { predictLogits } from '@tfjs-peft/train';
import { openTestedAdapter, type TestedAdapterOptions } from '../predict/open-tested-adapter.js';
import { requireLabels } from '../trial/task-data.js';
import { withPoint } from '../trial/predict-at-point.js';
import { disturbTrained } from './disturb-trained.js';
import { simplexGrid } from './simplex-grid.js';

/** Loss and headline metric on the test set. */
export interface LandscapeValue {
  readonly loss: number;
  readonly headline: number;
}

/** What lies around a trained adapter; plain JSON. */
export interface Landscape {
  readonly folder: string;
  readonly task: string;
  readonly testSet: string;
  readonly rows: number;
  readonly headlineMetric: string;
  readonly method: string;
  /** 0 for a method that is no simplex. */
  readonly vertices: number;
  readonly geometry: SimplexGeometry | null;
  /** The simplex, at coefficients that sum to 1; empty for a method that is none. */
  readonly points: readonly (LandscapeValue & { readonly coefficients: readonly number[] })[];
  /** The deployed parameters with noise; the first has none. */
  readonly noise: readonly (LandscapeValue & { readonly radius: number; readonly draw: number })[];
}

/** What of an adapter is looked at. */
export interface LandscapeOptions extends TestedAdapterOptions {
  /**
   * Lengths of the noise: each trained tensor gets a Gaussian direction of this share of its own norm, so that tensors of all scales are disturbed alike.
   * Default 0.1, 0.2, 0.4, 0.8.
   */
  readonly radii?: readonly number[];
  /** Directions for each radius, the same ones for all radii; default 3. */
  readonly noiseDraws?: number;
  /** Of the directions; default 0. */
  readonly seed?: number;
  readonly signal?: AbortSignal;
}

/**
 * Loss and metric over the simplex of a trained adapter, and around what is deployed of any adapter: whether a simplex found a flat place, and how
 * far it reaches. Errors: those of `openTestedAdapter`; `LANDSCAPE_SETTINGS_INVALID`.
 */
export async function measureLandscape(folder: string, options: LandscapeOptions = {}): Promise<Landscape> {
  const { radii = [0.1, 0.2, 0.4, 0.8], noiseDraws = 3, seed = 0 } = options;
  checkSettings(radii, noiseDraws);
  const { opened, session } = await openTestedAdapter(folder, options);
  const { host, located } = opened;
  const { method, effective } = opened.adapter;
  const data = requireLabels(session.data, 'a landscape');
  try {
    const { name, rows } = data.tests[0]!;
    const texts = session.encode(rows);
    const targets = rows.map(({ label }) => label);
    const vertices = isSubspace(method) ? method.config.vertices : 0;
    const grid = vertices > 0 ? simplexGrid(vertices) : [];
    const disturbed = radii.flatMap((radius) =>
      Array.from({ length: noiseDraws }, (_, draw) => ({ radius, draw: draw + 1 })),
    );
    const total = grid.length + 1 + disturbed.length;
    let done = 0;
    const valueAt = async (make: () => FoldedMethod): Promise<LandscapeValue> => {
      const value = await withPoint(effective, make, async (point) => {
        const { logits, labels } = await predictLogits({
          host,
          ...point,
          texts,
          batchSize: located.trial?.train?.evaluationBatchSize,
          signal: options.signal,
        });
        return {
          loss: data.objective.meanLoss(logits, labels, targets),
          headline: data.score(logits, targets).headline,
        };
      });
      options.onEvent?.({ type: 'progress', what: 'landscape', done: ++done, total });
      return value;
    };
    const points: Landscape['points'][number][] = [];
    for (const coefficients of grid)
      points.push({
        coefficients,
        ...(await valueAt(() => foldMethod(method.parts![0]!, pointOfSimplex(method, effective, coefficients)))),
      });
    const noise = [{ radius: 0, draw: 0, ...(await valueAt(() => foldMethod(method, effective))) }];
    for (const { radius, draw } of disturbed) {
      const stream = substream(createStream(seed), 'noise', draw);
      noise.push({
        radius,
        draw,
        ...(await valueAt(() => disturbTrained(foldMethod(method, effective), host.spec, radius, stream))),
      });
    }
    return {
      folder,
      task: data.loaded.task.name,
      testSet: name,
      rows: rows.length,
      headlineMetric: data.headlineMetric,
      method: method.type,
      vertices,
      geometry: vertices > 0 ? await measureSimplex(method, effective) : null,
      points,
      noise,
    };
  } finally {
    opened.dispose();
  }
}

/** Errors: `LANDSCAPE_SETTINGS_INVALID`. */
function checkSettings(radii: readonly number[], draws: number): void {
  if (radii.every((radius) => Number.isFinite(radius) && radius > 0) && Number.isInteger(draws) && draws > 0) return;
  throw new PeftError('LANDSCAPE_SETTINGS_INVALID', {
    found: `radii ${radii.join(', ')} and ${draws} draws`,
    expected: 'radii above 0, and a whole number of draws above 0',
    fix: 'a radius of 0.1 moves each tensor by a tenth of its norm',
  });
}
