import * as z from 'zod';

/** Affine maps by role, the LayerNorms of the layers, and those outside them: of the embeddings, of distances, after the last layer. */
export const biasGroups = [
  'query',
  'key',
  'value',
  'attentionOutput',
  'feedForwardIn',
  'feedForwardOut',
  'norms',
  'embeddingNorm',
  'distanceNorm',
  'finalNorm',
  'pooler',
] as const;
/** A group of biases, by the role of their module. */
export type BiasGroup = (typeof biasGroups)[number];

/** Those that are trained unless others are named: of the layers. */
export const usualGroups: readonly BiasGroup[] = biasGroups.slice(0, 7);

const name = z.string().regex(/^[a-z][a-z0-9_-]*$/);
const patterns = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);

export const bitfitConfig = z.strictObject({
  /**
   * Which biases are trained. A list of groups (`query`, `key`, `value`, `attentionOutput`, `feedForwardIn`, `feedForwardOut`: affine maps of
   * every layer; `norms`: LayerNorms of the layers; `embeddingNorm`, `distanceNorm`, `finalNorm`; `pooler`) and of module paths or dotted suffixes of them; or one regular
   * expression for whole module paths; or `all`, every bias of the host. By default those of the layers.
   */
  biases: patterns.default([...usualGroups]),
  /** Differences start as N(0, this); 0 starts from the host itself. The vertices of a simplex start apart only with another value. */
  initialStandardDeviation: z.number().nonnegative().default(0),
  /** Namespace of the parameters; another one for a second BitFit in a composition. */
  name: name.default('bitfit'),
});

/** A validated configuration of `bitfit`, defaults written out. */
export type BitfitConfig = z.output<typeof bitfitConfig>;

export const layerNormTuningConfig = z.strictObject({
  /** LayerNorms by module path or dotted suffix, or one regular expression for whole paths; all of the host if null. */
  targets: patterns.nullable().default(null),
  /** Differences start as N(0, this); 0 starts from the host itself. The vertices of a simplex start apart only with another value. */
  initialStandardDeviation: z.number().nonnegative().default(0),
  /** Namespace of the parameters; another one for a second LN tuning in a composition. */
  name: name.default('ln'),
});

/** A validated configuration of `layerNormTuning`, defaults written out. */
export type LayerNormTuningConfig = z.output<typeof layerNormTuningConfig>;
