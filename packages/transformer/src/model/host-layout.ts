import type { InterventionKind, Readout } from '@tfjs-peft/peft-core';
import { affineModulesOfLayer, layerPath, poolerModule } from '../weights/expected-tensors.js';
import type { BertConfig } from './bert-config.js';
import { attentionPath, availableReadouts, embeddingsPath, sublayerPath } from './list-sites.js';

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

export const wordTable = `${embeddingsPath}.word_embeddings`;
export const positionTable = `${embeddingsPath}.position_embeddings`;
export const tokenTypeTable = `${embeddingsPath}.token_type_embeddings`;
export const normPath = (parent: string): string => `${parent}.LayerNorm`;

export function hostLayout(config: BertConfig, hasPooler: boolean, name: string): HostLayout {
  const layers = Array.from({ length: config.numHiddenLayers }, (_, layer) => layer);
  const sublayers = layers.flatMap((layer) => [sublayerPath(layer, 'attention'), sublayerPath(layer, 'feedForward')]);
  const modules = [
    ...layers.flatMap((layer) => affineModulesOfLayer(config, layer)),
    ...(hasPooler ? [poolerModule(config)] : []),
  ];
  return {
    name,
    hiddenSize: config.hiddenSize,
    heads: config.numAttentionHeads,
    headSize: config.hiddenSize / config.numAttentionHeads,
    linears: new Map(modules.map((module) => [module.path, module])),
    tables: new Map([
      [wordTable, config.vocabSize],
      [positionTable, config.maxPositionEmbeddings],
      [tokenTypeTable, config.typeVocabSize],
    ]),
    norms: new Set([embeddingsPath, ...sublayers].map(normPath)),
    attentions: new Set(layers.map(attentionPath)),
    sublayers: new Set(sublayers),
    readouts: availableReadouts(hasPooler),
  };
}

/** The affine maps of a layer's feed-forward network. */
export const feedForwardPaths = (layer: number) => ({
  expand: `${layerPath(layer)}.intermediate.dense`,
  contract: `${layerPath(layer)}.output.dense`,
});

/** The module's path for a weight or bias that is named by its own path. */
export const modulePathOf = (path: string, kind: InterventionKind): string =>
  kind === 'biasDelta' ? path.replace(/\.bias$/, '') : path.replace(/\.weight$/, '');
