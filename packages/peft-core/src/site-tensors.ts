import type { Site } from './host-spec.js';

/** A place whose weight is its own: what gates, prefixes and heads act at has none. */
export type WeightSite = Extract<Site, { kind: 'table' | 'linear' | 'norm' }>;

/** A weight or a bias of a place. */
export interface SiteTensor {
  /** `<path of the place>.weight`. */
  readonly path: string;
  readonly part: 'weight' | 'bias';
  /** As the host holds it: tables `[rows, size]`, affine maps `[input, output]`, vectors `[size]`. */
  readonly shape: readonly number[];
}

/** Whether a place has a weight of its own. */
export const isWeightSite = (site: Site): site is WeightSite =>
  site.kind === 'table' || site.kind === 'linear' || site.kind === 'norm';

/** Whether an affine map or a norm has a bias. */
export const hasBias = ({ bias }: Extract<Site, { kind: 'linear' | 'norm' }>): boolean => bias !== false;

/** What a norm is of: of the layers, of the embeddings, of relative distances, or the one after the last layer. */
export type NormGroup = 'norms' | 'embeddingNorm' | 'distanceNorm' | 'finalNorm';
/** The group of a norm. */
export const normGroup = ({ layer, place }: Extract<Site, { kind: 'norm' }>): NormGroup => {
  if (layer !== undefined) return 'norms';
  if (place === 'final') return 'finalNorm';
  return place === 'distances' ? 'distanceNorm' : 'embeddingNorm';
};

/** The weight of a place, and its bias if it has one. */
export function tensorsOfSite(site: WeightSite): SiteTensor[] {
  const tensor = (part: SiteTensor['part'], ...shape: number[]): SiteTensor => ({
    path: `${site.path}.${part}`,
    part,
    shape,
  });
  switch (site.kind) {
    case 'table':
      return [tensor('weight', site.rows, site.size)];
    case 'linear':
      return [
        tensor('weight', site.inputSize, site.outputSize),
        ...(hasBias(site) ? [tensor('bias', site.outputSize)] : []),
      ];
    case 'norm':
      return [tensor('weight', site.size), ...(hasBias(site) ? [tensor('bias', site.size)] : [])];
  }
}
