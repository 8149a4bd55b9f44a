import { type Encoder, type EncoderLayer, type LinearModule, mapsToHeads, tablesOf } from '../architecture/encoder.js';

/** A tensor of the encoder as HF torch checkpoints name and shape it, without the prefix of the base model. */
export interface ExpectedTensor {
  /** `encoder.layer.0.attention.self.query.weight` */
  readonly path: string;
  /** Shape in the checkpoint; weights of affine maps are `[output, input]` there. */
  readonly shape: readonly number[];
  /** Affine weights are stored transposed here, `[input, output]`; those of `inputFirst` are so in the checkpoint already (Conv1D of GPT-2). */
  readonly role: 'table' | 'affineWeight' | 'inputFirst' | 'normWeight' | 'bias';
}

/** All tensors of an encoder in the order of the forward pass. */
export function expectedTensors(encoder: Encoder): ExpectedTensor[] {
  const { hiddenSize } = encoder.config;
  const norm = (path: string | undefined, size = hiddenSize): ExpectedTensor[] =>
    path === undefined ? [] : normTensors(path, size, encoder.normBias);
  const { embeddings } = encoder;
  const tables = tablesOf(encoder).map(({ path, rows, size }): ExpectedTensor => ({
    path: `${path}.weight`,
    shape: [rows, size],
    role: 'table',
  }));
  const ofLayer = (layer: EncoderLayer) => {
    const { attentionOutput, feedForwardIn, feedForwardOut } = layer.linears;
    const { attention, feedForward } = layer.sublayers;
    return [
      ...[...mapsToHeads(layer), attentionOutput].flatMap(affineTensors),
      ...norm(attention.norm),
      ...[feedForwardIn, feedForwardOut].flatMap(affineTensors),
      ...norm(feedForward.norm),
    ];
  };
  return [
    ...tables,
    ...norm(embeddings.norm, embeddings.size),
    ...(embeddings.projection ? affineTensors(embeddings.projection) : []),
    ...norm(encoder.distances?.norm),
    ...encoder.layers.flatMap(ofLayer),
    ...norm(encoder.finalNorm),
    ...(encoder.pooler ? affineTensors(encoder.pooler) : []),
  ];
}

type AffineShape = Pick<LinearModule, 'path' | 'inputSize' | 'outputSize' | 'bias'>;
export const affineTensors = ({ path, inputSize, outputSize, bias }: AffineShape): ExpectedTensor[] => [
  { path: `${path}.weight`, shape: [outputSize, inputSize], role: 'affineWeight' },
  ...(bias === false ? [] : [biasTensor(path, outputSize)]),
];
export const normTensors = (path: string, size: number, hasBias = true): ExpectedTensor[] => [
  { path: `${path}.weight`, shape: [size], role: 'normWeight' },
  ...(hasBias ? [biasTensor(path, size)] : []),
];
const biasTensor = (path: string, size: number): ExpectedTensor => ({
  path: `${path}.bias`,
  shape: [size],
  role: 'bias',
});
