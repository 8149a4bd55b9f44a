import { describe, expect, it } from '@jest/globals';
import { parseBertConfig } from './bert-config.js';

const minilm = {
  _name_or_path: 'nreimers/MiniLM-L6-H384-uncased',
  architectures: ['BertModel'],
  attention_probs_dropout_prob: 0.1,
  hidden_act: 'gelu',
  hidden_dropout_prob: 0.1,
  hidden_size: 384,
  intermediate_size: 1536,
  layer_norm_eps: 1e-12,
  max_position_embeddings: 512,
  model_type: 'bert',
  num_attention_heads: 12,
  num_hidden_layers: 6,
  pad_token_id: 0,
  position_embedding_type: 'absolute',
  type_vocab_size: 2,
  use_cache: true,
  vocab_size: 30522,
};

describe('parseBertConfig', () => {
  it('reads what matters and ignores the rest', () => {
    expect(parseBertConfig(minilm, 'm')).toEqual({
      modelType: 'bert',
      vocabSize: 30522,
      hiddenSize: 384,
      numHiddenLayers: 6,
      numAttentionHeads: 12,
      intermediateSize: 1536,
      hiddenActivation: 'gelu',
      hiddenDropout: 0.1,
      attentionDropout: 0.1,
      maxPositionEmbeddings: 512,
      typeVocabSize: 2,
      layerNormEpsilon: 1e-12,
      padTokenId: 0,
    });
  });

  it("fills in HF's defaults", () => {
    expect(parseBertConfig({ model_type: 'bert', position_embedding_type: null }, 'm')).toMatchObject({
      hiddenSize: 768,
      hiddenActivation: 'gelu',
      layerNormEpsilon: 1e-12,
      typeVocabSize: 2,
    });
  });

  it.each([
    [{ hidden_act: 'relu6' }, 'HOST_UNSUPPORTED', 'hidden_act "relu6"'],
    [{ hidden_act: 'constructor' }, 'HOST_UNSUPPORTED', 'hidden_act "constructor"'],
    [{ position_embedding_type: 'relative_key' }, 'HOST_UNSUPPORTED', 'relative_key'],
    [{ is_decoder: true }, 'HOST_UNSUPPORTED', 'is_decoder'],
    [{ add_cross_attention: true }, 'HOST_UNSUPPORTED', 'add_cross_attention'],
    [{ model_type: 'gpt2' }, 'HOST_UNSUPPORTED', 'model_type "gpt2"'],
    [{ model_type: 'constructor' }, 'HOST_UNSUPPORTED', 'model_type "constructor"'],
    [{ model_type: undefined }, 'HOST_UNSUPPORTED', 'model_type null'],
    [{ num_attention_heads: 7 }, 'HOST_CONFIG_INCONSISTENT', 'hidden_size 384 with num_attention_heads 7'],
    [{ pad_token_id: 30522 }, 'HOST_CONFIG_INCONSISTENT', 'pad_token_id'],
    [{ hidden_size: '384' }, 'CONFIG_INVALID', 'hidden_size'],
    [{ num_hidden_layers: 0 }, 'CONFIG_INVALID', 'num_hidden_layers'],
    [{ hidden_dropout_prob: 1 }, 'CONFIG_INVALID', 'hidden_dropout_prob'],
    [{ layer_norm_eps: 0 }, 'CONFIG_INVALID', 'layer_norm_eps'],
  ])('refuses %j', (change, code, text) => {
    expect(() => parseBertConfig({ ...minilm, ...change }, 'some-model')).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(text) }),
    );
    expect(() => parseBertConfig({ ...minilm, ...change }, 'some-model')).toThrow(/some-model/);
  });

  it.each([[null], [[]], ['bert'], [3]])('refuses %j in place of an object', (json) => {
    expect(() => parseBertConfig(json, 'm')).toThrow(expect.objectContaining({ code: 'HOST_CONFIG_INVALID' }));
  });
});
