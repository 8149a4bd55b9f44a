import { createStream, substream } from '@tfjs-peft/peft-core';
import { normals, sizeOf } from '@tfjs-peft/peft-core/authoring';
import { createDecoderHost, type DecoderHost, memoryTensorSource } from '@tfjs-peft/transformer';

/** What decides how large a GPT-2 is. */
export interface DecoderSizes {
  readonly vocabulary: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly context: number;
}

/** config.json of a GPT-2 without dropout whose texts begin and end with token `end`. */
export const gpt2Config = ({ vocabulary, width, layers, heads, context }: DecoderSizes, end: number) => ({
  model_type: 'gpt2',
  activation_function: 'gelu_new',
  vocab_size: vocabulary,
  n_positions: context,
  n_embd: width,
  n_layer: layers,
  n_head: heads,
  n_inner: 4 * width,
  layer_norm_epsilon: 1e-5,
  initializer_range: 0.02,
  embd_pdrop: 0,
  resid_pdrop: 0,
  attn_pdrop: 0,
  tie_word_embeddings: true,
  bos_token_id: end,
  eos_token_id: end,
  pad_token_id: end,
});

/**
 * An untrained GPT-2 (Radford et al. 2019, section 2.3): weights from N(0, 0.02), those that end in the residual stream divided by the square root
 * of their number, biases 0, norms 1. The same seed gives the same numbers.
 */
export function initialDecoder(sizes: DecoderSizes, end: number, seed: number): Promise<DecoderHost> {
  const { vocabulary, width, layers, context } = sizes;
  const root = substream(createStream(seed), 'initial-decoder');
  const filled = (shape: readonly number[], value: number) => ({
    shape,
    data: new Float32Array(sizeOf(shape)).fill(value),
  });
  const drawn = (name: string, shape: readonly number[], deviation = 0.02) => ({
    shape,
    data: normals(substream(root, name), sizeOf(shape)).map((z) => deviation * z),
  });
  const norm = (path: string) =>
    [
      [`${path}.weight`, filled([width], 1)],
      [`${path}.bias`, filled([width], 0)],
    ] as const;
  const map = (path: string, inputs: number, outputs: number, deviation?: number) =>
    [
      [`${path}.weight`, drawn(path, [inputs, outputs], deviation)],
      [`${path}.bias`, filled([outputs], 0)],
    ] as const;
  const toResidual = 0.02 / Math.sqrt(2 * layers);
  const layer = (path: string) => [
    ...norm(`${path}.ln_1`),
    ...map(`${path}.attn.c_attn`, width, 3 * width),
    ...map(`${path}.attn.c_proj`, width, width, toResidual),
    ...norm(`${path}.ln_2`),
    ...map(`${path}.mlp.c_fc`, width, 4 * width),
    ...map(`${path}.mlp.c_proj`, 4 * width, width, toResidual),
  ];
  const tensors = new Map([
    ['wte.weight', drawn('wte', [vocabulary, width])] as const,
    ['wpe.weight', drawn('wpe', [context, width])] as const,
    ...Array.from({ length: layers }, (_, index) => layer(`h.${index}`)).flat(),
    ...norm('ln_f'),
  ]);
  return createDecoderHost({
    config: gpt2Config(sizes, end),
    tensors: memoryTensorSource(tensors),
    name: 'untrained GPT-2',
  });
}
