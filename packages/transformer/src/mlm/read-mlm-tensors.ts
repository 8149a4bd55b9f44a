import { PeftError } from '@tfjs-peft/peft-core';
import type { EncoderConfig } from '../architecture/family.js';
import { familyOf } from '../architecture/families.js';
import { affineTensors, type ExpectedTensor, normTensors } from '../weights/expected-tensors.js';
import { requireShape } from '../weights/match-tensors.js';
import { type LoadedTensor, transpose } from '../weights/read-weights.js';
import type { TensorSource } from '../weights/tensor-source.js';

/** The stored tensors of a masked-language-model head. */
export interface MlmTensors {
  /** `[hidden, embedding]`, as `[input, output]`; the sizes are equal but for narrow embeddings. */
  readonly denseWeight: LoadedTensor;
  readonly denseBias: LoadedTensor;
  readonly normWeight: LoadedTensor;
  readonly normBias: LoadedTensor;
  /** `[vocab]` */
  readonly bias: LoadedTensor;
  /** `[vocab, embedding]`; absent if it is the table of the word embeddings. */
  readonly decoder: LoadedTensor | undefined;
}

/**
 * Reads the head of a masked language model from a checkpoint, or from a file that holds the head alone; other tensors are left alone.
 * Errors: `MLM_HEAD_MISSING` if there is nothing of it, `TENSOR_MISSING`, `TENSOR_MISSHAPEN`.
 */
export async function readMlmTensors(config: EncoderConfig, source: TensorSource, name: string): Promise<MlmTensors> {
  const { mlmHead } = familyOf(config.modelType);
  const { hiddenSize, vocabSize, options } = config;
  const width = options?.embeddingSize ?? hiddenSize;
  const [denseWeight, denseBias] = affineTensors({
    path: mlmHead.dense,
    inputSize: hiddenSize,
    outputSize: width,
  });
  const [normWeight, normBias] = normTensors(mlmHead.norm, width);
  const bias: ExpectedTensor = { path: mlmHead.biases[0]!, shape: [vocabSize], role: 'bias' };
  const decoder: ExpectedTensor = { path: `${mlmHead.decoder}.weight`, shape: [vocabSize, width], role: 'table' };

  const find = ({ path }: ExpectedTensor, ...others: readonly string[]) =>
    [path, olderName(path), ...others].find((storedName) => source.tensors.has(storedName));
  const required = mlmHead.unbiased ? [denseWeight!, normWeight!] : [denseWeight!, denseBias!, normWeight!, normBias!];
  const zeros = (size: number): LoadedTensor => ({ shape: [size], data: new Float32Array(size) });
  const readBias = async (tensor: ExpectedTensor) => (mlmHead.unbiased ? zeros(width) : read(tensor, find(tensor)));
  if (!required.some((tensor) => find(tensor))) throw headMissing(required[0]!, source, name);
  const read = async (tensor: ExpectedTensor, storedName: string | undefined): Promise<LoadedTensor> => {
    if (storedName === undefined) throw tensorMissing(tensor, name);
    requireShape(tensor, storedName, source.tensors.get(storedName)!.shape, name);
    return { shape: tensor.shape, data: await source.readFloat32(storedName) };
  };
  const weight = await read(denseWeight!, find(denseWeight!));
  const storedDecoder = find(decoder);
  return {
    denseWeight: transpose(weight.data, width, hiddenSize),
    denseBias: await readBias(denseBias!),
    normWeight: await read(normWeight!, find(normWeight!)),
    normBias: await readBias(normBias!),
    bias: await read(bias, find(bias, ...mlmHead.biases)),
    decoder: storedDecoder === undefined ? undefined : await read(decoder, storedDecoder),
  };
}

/** Names of LayerNorm tensors in checkpoints from the time of TensorFlow 1. */
const olderName = (path: string): string =>
  path.replace(/\.LayerNorm\.weight$/, '.LayerNorm.gamma').replace(/\.LayerNorm\.bias$/, '.LayerNorm.beta');

function headMissing({ path }: ExpectedTensor, { tensors }: TensorSource, name: string): PeftError {
  const some = [...tensors.keys()].slice(0, 3).join(', ');
  return new PeftError('MLM_HEAD_MISSING', {
    found: `no masked-language-model head for host "${name}" among ${tensors.size} tensors (${some}, …)`,
    expected: `"${path}" and the other tensors of the head`,
    fix: 'take the checkpoint of a model for masked language modelling of the same architecture, or a file with its head',
  });
}

const tensorMissing = ({ path, shape }: ExpectedTensor, name: string) =>
  new PeftError('TENSOR_MISSING', {
    found: `a masked-language-model head for host "${name}" without "${path}"`,
    expected: `shape [${shape.join(', ')}]`,
    fix: 'save the model again with HF transformers; a head is used whole or not at all',
  });
