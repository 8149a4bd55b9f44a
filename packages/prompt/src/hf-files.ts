import { type HostSpec, PeftError } from '@tfjs-peft/peft-core';
import { checkTensors, type FileCodec, type JsonObject } from '@tfjs-peft/peft-core/files';
import type * as z from 'zod';
import type { PromptConfig, promptConfig, PTuningConfig, pTuningConfig } from './config.js';
import { type RowsConfig, rowsName, rowWidth } from './virtual-tokens.js';

const tensorName = 'prompt_embeddings';

/** HF peft stores both methods as `prompt_embeddings` `[length, hidden]`: the rows themselves, whatever made them. */
const rowsFiles = (
  peftType: string,
  config: RowsConfig,
  ownEntries: (host: HostSpec) => JsonObject = () => ({}),
): FileCodec => ({
  peftType,
  headPrefix: 'base_model.',
  encode: (effective, host) => ({
    config: { ...sizesOf(host), num_virtual_tokens: config.length, ...ownEntries(host) },
    tensors: new Map([[tensorName, effective.get(rowsName(config))!]]),
    differences: host.python?.positionsSkipPadding
      ? [
          `padding on the left: HF numbers it like text on "${host.modelType}" once a prompt comes before it; on the right it is the same`,
        ]
      : [],
  }),
  decode(tensors, host) {
    checkTensors(tensors, [{ name: tensorName, shape: [config.length, rowWidth(host)] }], `adapter of ${peftType}`);
    return new Map([[rowsName(config), tensors.get(tensorName)!]]);
  },
});

export const promptFiles = (config: PromptConfig): FileCodec => rowsFiles('PROMPT_TUNING', config);

export const pTuningFiles = (config: PTuningConfig): FileCodec =>
  rowsFiles('P_TUNING', config, (host) => ({
    encoder_hidden_size: config.encoderHiddenSize ?? rowWidth(host),
    encoder_num_layers: config.encoderLayers,
    encoder_reparameterization_type: config.encoder.toUpperCase(),
  }));

/** The configuration in HF peft's file as ours. How the rows once began stays in the file's other entries. */
export const readHfPromptConfig = (config: JsonObject, host: HostSpec): z.input<typeof promptConfig> => ({
  length: readLength(config, host),
});

/** The same for P-tuning. The encoder is not in the file: its entries say what to train anew, not what the rows are. */
export function readHfPTuningConfig(config: JsonObject, host: HostSpec): z.input<typeof pTuningConfig> {
  const encoder = config['encoder_reparameterization_type'] ?? 'MLP';
  if (encoder !== 'MLP' && encoder !== 'LSTM')
    throw new PeftError('CONFIG_INVALID', {
      found: `encoder_reparameterization_type ${JSON.stringify(encoder)} in adapter_config.json`,
      expected: '"MLP" or "LSTM"',
    });
  const { encoder_hidden_size: width, encoder_num_layers: layers } = config;
  return {
    length: readLength(config, host),
    encoder: encoder === 'MLP' ? 'mlp' : 'lstm',
    ...(typeof width === 'number' && width !== rowWidth(host) && { encoderHiddenSize: width }),
    ...(typeof layers === 'number' && { encoderLayers: layers }),
  };
}

const sizesOf = (host: HostSpec) => ({
  num_attention_heads: host.numAttentionHeads,
  num_layers: host.numHiddenLayers,
  num_transformer_submodules: 1,
  token_dim: rowWidth(host),
});

/** Errors: `ADAPTER_FOR_ANOTHER_HOST`, `CONFIG_INVALID`. */
function readLength(config: JsonObject, host: HostSpec): number {
  for (const [key, value] of Object.entries(sizesOf(host)))
    if (config[key] != null && config[key] !== value)
      throw new PeftError('ADAPTER_FOR_ANOTHER_HOST', {
        found: `${key} ${JSON.stringify(config[key])} in adapter_config.json`,
        expected: `${value} for host "${host.name}"`,
        fix: 'load the adapter on the host it was trained for',
      });
  const { num_virtual_tokens: length } = config;
  if (typeof length === 'number') return length;
  throw new PeftError('CONFIG_INVALID', {
    found: `num_virtual_tokens ${JSON.stringify(length ?? null)} in adapter_config.json`,
    expected: 'a positive integer',
  });
}
