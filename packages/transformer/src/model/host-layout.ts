import type { InterventionKind, Readout } from '@tfjs-peft/peft-core';
import { type Encoder, linearsOf, readoutsOf, tablesOf } from '../architecture/encoder.js';

/** What interventions may name on a host, and the sizes there. */
export interface HostLayout {
  readonly name: string;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly headSize: number;
  readonly linears: ReadonlyMap<string, { readonly inputSize: number; readonly outputSize: number }>;
  /** Embedding tables: rows by module path. */
  readonly tables: ReadonlyMap<string, number>;
  readonly norms: ReadonlySet<string>;
  readonly attentions: ReadonlySet<string>;
  readonly sublayers: ReadonlySet<string>;
  readonly readouts: readonly Readout[];
}

export function hostLayout(encoder: Encoder, name: string): HostLayout {
  const { config, layers, pooler } = encoder;
  const sublayers = layers.flatMap(({ sublayers: { attention, feedForward } }) => [attention, feedForward]);
  const modules = [...layers.flatMap(linearsOf), ...(pooler ? [pooler] : [])];
  return {
    name,
    hiddenSize: config.hiddenSize,
    heads: config.numAttentionHeads,
    headSize: config.hiddenSize / config.numAttentionHeads,
    linears: new Map(modules.map((module) => [module.path, module])),
    tables: new Map(tablesOf(encoder).map(({ path, rows }) => [path, rows])),
    norms: new Set([encoder.embeddings.norm, ...sublayers.map(({ norm }) => norm)]),
    attentions: new Set(layers.map(({ attention }) => attention)),
    sublayers: new Set(sublayers.map(({ path }) => path)),
    readouts: readoutsOf(encoder),
  };
}

/** The module's path for a weight or bias that is named by its own path. */
export const modulePathOf = (path: string, kind: InterventionKind): string =>
  kind === 'biasDelta' ? path.replace(/\.bias$/, '') : path.replace(/\.weight$/, '');
