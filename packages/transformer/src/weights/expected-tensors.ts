import type { BertConfig } from '../model/bert-config.js';

/** A tensor of the encoder as HF torch checkpoints name and shape it, without the `bert.` prefix. */
export interface ExpectedTensor {
  /** `encoder.layer.0.attention.self.query.weight` */
  readonly path: string;
  /** Shape in the checkpoint; weights of affine maps are `[output, input]` there. */
  readonly shape: readonly number[];
  /** Affine weights are stored transposed, `[input, output]`. */
  readonly role: 'affineWeight' | 'other';
}

/** An affine map of the encoder. */
export interface AffineModule {
  readonly path: string;
  readonly inputSize: number;
  readonly outputSize: number;
  readonly layer?: number;
}

export const layerPath = (layer: number): string => `encoder.layer.${layer}`;

/** The affine maps of one layer in the order of the forward pass. */
export function affineModulesOfLayer(config: BertConfig, layer: number): AffineModule[] {
  const { hiddenSize, intermediateSize } = config;
  const affine = (name: string, inputSize: number, outputSize: number): AffineModule => ({
    path: `${layerPath(layer)}.${name}`,
    inputSize,
    outputSize,
    layer,
  });
  return [
    affine('attention.self.query', hiddenSize, hiddenSize),
    affine('attention.self.key', hiddenSize, hiddenSize),
    affine('attention.self.value', hiddenSize, hiddenSize),
    affine('attention.output.dense', hiddenSize, hiddenSize),
    affine('intermediate.dense', hiddenSize, intermediateSize),
    affine('output.dense', intermediateSize, hiddenSize),
  ];
}

export const poolerModule = ({ hiddenSize }: BertConfig): AffineModule => ({
  path: 'pooler.dense',
  inputSize: hiddenSize,
  outputSize: hiddenSize,
});

/** All tensors of an encoder in the order of the forward pass. */
export function expectedTensors(config: BertConfig, withPooler: boolean): ExpectedTensor[] {
  const { hiddenSize } = config;
  const table = (name: string, rows: number): ExpectedTensor => ({
    path: `embeddings.${name}.weight`,
    shape: [rows, hiddenSize],
    role: 'other',
  });
  const norm = (module: string): ExpectedTensor[] =>
    ['weight', 'bias'].map((name) => ({ path: `${module}.LayerNorm.${name}`, shape: [hiddenSize], role: 'other' }));
  const affine = ({ path, inputSize, outputSize }: AffineModule): ExpectedTensor[] => [
    { path: `${path}.weight`, shape: [outputSize, inputSize], role: 'affineWeight' },
    { path: `${path}.bias`, shape: [outputSize], role: 'other' },
  ];
  const layers = Array.from({ length: config.numHiddenLayers }, (_, layer) => {
    const modules = affineModulesOfLayer(config, layer).map(affine);
    return [
      ...modules.slice(0, 4).flat(),
      ...norm(`${layerPath(layer)}.attention.output`),
      ...modules.slice(4).flat(),
      ...norm(`${layerPath(layer)}.output`),
    ];
  });
  return [
    table('word_embeddings', config.vocabSize),
    table('position_embeddings', config.maxPositionEmbeddings),
    table('token_type_embeddings', config.typeVocabSize),
    ...norm('embeddings'),
    ...layers.flat(),
    ...(withPooler ? affine(poolerModule(config)) : []),
  ];
}
