import { describe, expect, it } from '@jest/globals';
import { tinyDecoderConfig } from './create-random-host.js';
import { parseDecoderConfig } from './parse-decoder-config.js';

const parse = (modelType: 'gpt2' | 'llama' | 'qwen2' | 'qwen3', entries: object) =>
  parseDecoderConfig({ ...tinyDecoderConfig({ modelType }), ...entries }, 'tiny');

describe('parseDecoderConfig', () => {
  it.each([
    ['gpt2', { scale_attn_by_inverse_layer_idx: true }, 'scale_attn_by_inverse_layer_idx true'],
    ['gpt2', { add_cross_attention: true }, 'cross attention'],
    ['gpt2', { activation_function: 'mish' }, 'activation_function "mish"'],
    ['llama', { rope_scaling: { rope_type: 'llama3', factor: 8 } }, 'rotary positions of type "llama3"'],
    ['llama', { rope_scaling: { type: 'linear', factor: 2 } }, 'rotary positions of type "linear"'],
    ['llama', { rope_parameters: { rope_type: 'yarn', rope_theta: 1e4 } }, 'rotary positions of type "yarn"'],
    ['llama', { partial_rotary_factor: 0.5 }, 'rotary positions of a part'],
    ['qwen2', { use_sliding_window: true }, 'a sliding window'],
    ['qwen3', { layer_types: ['full_attention', 'sliding_attention'] }, '"sliding_attention" (layer_types)'],
    ['llama', { num_local_experts: 8 }, 'a mixture of experts'],
    ['llama', { model_type: 'mixtral' }, 'model_type "mixtral"'],
  ] as const)('refuses by name what is not computed here: %s %j', (modelType, entries, found) => {
    expect(() => parse(modelType, entries)).toThrow(expect.objectContaining({ code: 'HOST_UNSUPPORTED' }));
    expect(() => parse(modelType, entries)).toThrow(found);
  });

  it.each([
    ['gpt2', { n_head: 5 }],
    ['llama', { num_key_value_heads: 3 }],
    ['llama', { head_dim: 7 }],
    ['gpt2', { pad_token_id: 100 }],
  ] as const)('refuses sizes that exclude each other: %s %j', (modelType, entries) => {
    expect(() => parse(modelType, entries)).toThrow(expect.objectContaining({ code: 'HOST_CONFIG_INCONSISTENT' }));
  });

  it('refuses values of a wrong type', () => {
    expect(() => parse('llama', { num_hidden_layers: 'two' })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    );
    expect(() => parse('gpt2', { n_head: { toString: 2 } })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    );
  });

  it('reads the base of rotary positions in both forms', () => {
    expect(parse('llama', { rope_theta: 500000 }).rotaryBase).toBe(500000);
    expect(parse('llama', { rope_parameters: { rope_type: 'default', rope_theta: 7 } }).rotaryBase).toBe(7);
    expect(parse('llama', { rope_scaling: null }).rotaryBase).toBe(10000);
  });

  it('pads with the first of several ends where GPT-2 names no padding', () => {
    const { pad_token_id: _, ...config } = tinyDecoderConfig({ modelType: 'gpt2' });
    expect(parseDecoderConfig({ ...config, eos_token_id: [3, 4] }, 'tiny').padTokenId).toBe(3);
  });

  it('takes one token or several as the end of a text', () => {
    expect(parse('llama', { eos_token_id: 2 }).endTokenIds).toEqual([2]);
    expect(parse('llama', { eos_token_id: [2, 5] }).endTokenIds).toEqual([2, 5]);
    expect(parse('llama', {}).endTokenIds).toEqual([]);
  });
});
