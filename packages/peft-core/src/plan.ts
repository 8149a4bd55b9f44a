import type { HostSpec } from './host-spec.js';

/** How a parameter's first values are drawn. */
export type InitialLaw =
  | { readonly kind: 'normal'; readonly standardDeviation: number; readonly mean?: number }
  | { readonly kind: 'uniform'; readonly low: number; readonly high: number }
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'given'; readonly values: Float32Array | Int32Array }
  /** Known only after `prepare`; drawing it is an error (`METHOD_UNPREPARED`). */
  | { readonly kind: 'unprepared' };

/** One raw parameter: what the optimiser sees. */
export interface ParameterSpec {
  /** Dotted name whose first segment is the namespace of the method. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly initial: InitialLaw;
  /** Name of the stream of its initial values; its own name if absent. A copy in a simplex gets a stream of its own. */
  readonly stream?: string;
  /** Left out of weight decay and of training if false. */
  readonly trainable?: boolean;
  /** One copy for all vertices of a simplex if true. */
  readonly shared?: boolean;
}

/**
 * Numbers that a method needs beside its parameters: indices, frozen random matrices. Drawn or prepared once, stored, never trained, never
 * mixed; one copy for all vertices of a simplex. They stand among the raw and the effective parameters under their name.
 */
export interface BufferSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /** `int32` holds indices exactly, also beyond the 2^24 that a float32 counts. */
  readonly dtype: 'float32' | 'int32';
  readonly initial: InitialLaw;
  /**
   * Drawn from this seed and its name instead of the run's: the same in every run, so that no file stores it. Belongs into the method's
   * configuration.
   */
  readonly seed?: number;
  /** There if it holds places: flat indices of entries of one tensor, ascending, each once. Loading and saving hold it to that. */
  readonly places?: Places;
}

/** Which entries of a tensor of the host a buffer chooses. */
export interface Places {
  /** Path of the tensor: `encoder.layer.0.attention.self.query.weight`. */
  readonly tensor: string;
  /** Entries of the tensor: every index is below it. */
  readonly size: number;
}

/**
 * One effective parameter: what interventions receive, a simplex mixes and files store.
 *
 * `perExample` says how it can differ between the examples of a batch. `axis`: it may carry a leading batch axis. `outputs`: it reaches the
 * host only through `weightDelta`s at its site, affine in it, so that a simplex mixes outputs (exact) instead of weights. `none`: one value a
 * batch, so that a simplex over it draws once a batch.
 */
export interface EffectiveSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /** Path of the site where it acts: a simplex draws once a site. Absent for one that acts at none (a controller). */
  readonly site?: string;
  /** Of several layers at one site (a head of two maps), the one that this belongs to: a simplex draws for each by itself. */
  readonly layer?: string;
  readonly perExample: 'axis' | 'outputs' | 'none';
  /** No other method of a composition may claim the same site as exclusive: two heads, two magnitudes of one weight. */
  readonly exclusive?: boolean;
  /** One copy for all vertices of a simplex if true, as that of the raw parameters it is made of. */
  readonly shared?: boolean;
}

/** What a method will train and where it acts, known before a single tensor exists. */
export interface ParameterPlan {
  readonly raw: readonly ParameterSpec[];
  readonly effective: readonly EffectiveSpec[];
  readonly buffers?: readonly BufferSpec[];
  /** Sentences that a user should read before training: what is left out, what two parts share. */
  readonly notes?: readonly string[];
}

/** What a file holds for a plan: effective parameters, and buffers that no seed gives. */
export const storedTensors = ({ effective, buffers = [] }: ParameterPlan): StoredTensor[] => [
  ...effective.map(({ name, shape }) => ({ name, shape, dtype: 'float32' as const })),
  ...buffers.filter(({ seed }) => seed === undefined).map(({ name, shape, dtype }) => ({ name, shape, dtype })),
];

/** One tensor of an adapter's file. */
export interface StoredTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32';
}

/** Names of the raw parameters that an optimiser changes. */
export const trainableNames = ({ raw }: ParameterPlan): string[] =>
  raw.filter(({ trainable }) => trainable !== false).map(({ name }) => name);

/** Numbers in a tensor of this shape; 1 for a scalar. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((size, length) => size * length, 1);

/** Numbers of a plan, by what they are for. */
export interface ParameterCount {
  /** Numbers that the optimiser changes. */
  readonly trainable: number;
  /** Numbers of all effective parameters: what interventions are made of, all vertices of a simplex among them. */
  readonly effective: number;
  /** Numbers of all buffers. */
  readonly buffers: number;
}

/** How many numbers a plan has, before any is allocated. */
export const countParameters = (plan: ParameterPlan): ParameterCount => ({
  trainable: plan.raw.filter(({ trainable }) => trainable !== false).reduce((sum, { shape }) => sum + sizeOf(shape), 0),
  effective: plan.effective.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
  buffers: (plan.buffers ?? []).reduce((sum, { shape }) => sum + sizeOf(shape), 0),
});

/** How much of a host a plan touches, by kind of site. */
export interface CoverageRow {
  readonly kind: string;
  readonly covered: number;
  readonly total: number;
  readonly numbers: number;
  /** Layers with at least one covered site of this kind; a gap in the list is an uneven coverage. */
  readonly layers: readonly number[];
}

/** Counts, for every kind of site that the plan touches, how many of the host's sites it covers. */
export function reportCoverage(plan: ParameterPlan, host: HostSpec): CoverageRow[] {
  const kinds = [...new Set(host.sites.map(({ kind }) => kind))];
  return kinds.flatMap((kind) => {
    const sites = host.sites.filter((site) => site.kind === kind);
    const used = plan.effective.filter(({ site }) => sites.some(({ path }) => path === site));
    if (used.length === 0) return [];
    const paths = new Set(used.flatMap(({ site }) => site ?? []));
    const layers = sites.flatMap((site) =>
      paths.has(site.path) && 'layer' in site && site.layer != null ? [site.layer] : [],
    );
    return {
      kind,
      covered: paths.size,
      total: sites.length,
      numbers: used.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
      layers: [...new Set(layers)],
    };
  });
}

/** All that a user should read of a plan before training: uneven coverage, and its own notes. */
export const notesOn = (plan: ParameterPlan, host: HostSpec): string[] => [
  ...findUnevenCoverage(plan, host),
  ...(plan.notes ?? []),
];

/**
 * Says where targets of one kind cover different layers, `query` all of them and `value` only the first, say: mostly a pattern that matches
 * less than was meant. One sentence a kind of site; none if all targets cover the same layers.
 */
export function findUnevenCoverage(plan: ParameterPlan, host: HostSpec): string[] {
  const used = new Set(plan.effective.map(({ site }) => site));
  const kinds = [...new Set(host.sites.map(({ kind }) => kind))].filter((kind) => kind !== 'tensor');
  return kinds.flatMap((kind) => {
    const layersByModule = new Map<string, number[]>();
    for (const site of host.sites)
      if (site.kind === kind && used.has(site.path) && 'layer' in site && site.layer != null) {
        const module = site.path.replace(`.${site.layer}.`, '.*.');
        layersByModule.set(module, [...(layersByModule.get(module) ?? []), site.layer]);
      }
    const described = [...layersByModule].map(([module, layers]) => ({ module, layers: layers.join(', ') }));
    if (new Set(described.map(({ layers }) => layers)).size <= 1) return [];
    const parts = described.map(({ module, layers }) => `${module} in layers ${layers}`);
    return `Targets of kind "${kind}" cover different layers: ${parts.join('; ')}.`;
  });
}
