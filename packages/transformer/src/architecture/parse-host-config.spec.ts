import { describe, expect, it } from '@jest/globals';
import { tinyHostConfig } from '../encoder/create-random-host.js';
import { parseHostConfig } from './parse-host-config.js';

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

describe('parseHostConfig', () => {
  it('reads what matters and ignores the rest', () => {
    expect(parseHostConfig(minilm, 'm')).toEqual({
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
    expect(parseHostConfig({ model_type: 'bert', position_embedding_type: null }, 'm')).toMatchObject({
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
    expect(() => parseHostConfig({ ...minilm, ...change }, 'some-model')).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(text) }),
    );
    expect(() => parseHostConfig({ ...minilm, ...change }, 'some-model')).toThrow(/some-model/);
  });

  it.each([[null], [[]], ['bert'], [3]])('refuses %j in place of an object', (json) => {
    expect(() => parseHostConfig(json, 'm')).toThrow(expect.objectContaining({ code: 'HOST_CONFIG_INVALID' }));
  });
});

describe('parseHostConfig of other families', () => {
  const robertaBase = {
    model_type: 'roberta',
    architectures: ['RobertaForMaskedLM'],
    hidden_act: 'gelu',
    layer_norm_eps: 1e-5,
    max_position_embeddings: 514,
    pad_token_id: 1,
    type_vocab_size: 1,
    vocab_size: 50265,
  };
  const distilbertBase = {
    model_type: 'distilbert',
    activation: 'gelu',
    attention_dropout: 0.2,
    dim: 768,
    dropout: 0.1,
    hidden_dim: 3072,
    max_position_embeddings: 512,
    n_heads: 12,
    n_layers: 6,
    sinusoidal_pos_embds: true,
    tie_weights_: true,
    vocab_size: 30522,
  };

  it("reads RoBERTa's own keys and defaults", () => {
    expect(parseHostConfig(robertaBase, 'm')).toEqual({
      modelType: 'roberta',
      vocabSize: 50265,
      hiddenSize: 768,
      numHiddenLayers: 12,
      numAttentionHeads: 12,
      intermediateSize: 3072,
      hiddenActivation: 'gelu',
      hiddenDropout: 0.1,
      attentionDropout: 0.1,
      maxPositionEmbeddings: 514,
      typeVocabSize: 1,
      layerNormEpsilon: 1e-5,
      padTokenId: 1,
    });
    expect(parseHostConfig({ model_type: 'roberta' }, 'm')).toMatchObject({ vocabSize: 50265, padTokenId: 1 });
    expect(parseHostConfig({ model_type: 'xlm-roberta' }, 'm')).toMatchObject({ vocabSize: 30522, padTokenId: 1 });
  });

  it("reads DistilBERT's own keys, and ignores how its positions were made", () => {
    expect(parseHostConfig(distilbertBase, 'm')).toEqual({
      modelType: 'distilbert',
      vocabSize: 30522,
      hiddenSize: 768,
      numHiddenLayers: 6,
      numAttentionHeads: 12,
      intermediateSize: 3072,
      hiddenActivation: 'gelu',
      hiddenDropout: 0.1,
      attentionDropout: 0.2,
      maxPositionEmbeddings: 512,
      typeVocabSize: 0,
      layerNormEpsilon: 1e-12,
      padTokenId: 0,
    });
    expect(parseHostConfig({ ...distilbertBase, hidden_size: 32, layer_norm_eps: 1 }, 'm')).toMatchObject({
      hiddenSize: 768,
      layerNormEpsilon: 1e-12,
    });
  });

  it.each([
    [robertaBase, { position_embedding_type: 'relative_key_query' }, 'HOST_UNSUPPORTED', 'relative_key_query'],
    [robertaBase, { hidden_act: 'relu6' }, 'HOST_UNSUPPORTED', 'hidden_act "relu6"'],
    [robertaBase, { is_decoder: true }, 'HOST_UNSUPPORTED', 'is_decoder'],
    [robertaBase, { hidden_size: 770 }, 'HOST_CONFIG_INCONSISTENT', 'hidden_size 770 with num_attention_heads 12'],
    [robertaBase, { max_position_embeddings: 2 }, 'HOST_CONFIG_INCONSISTENT', 'max_position_embeddings 2'],
    [robertaBase, { layer_norm_eps: '1e-5' }, 'CONFIG_INVALID', 'layer_norm_eps'],
    [distilbertBase, { activation: 'mish' }, 'HOST_UNSUPPORTED', 'activation "mish"'],
    [distilbertBase, { n_heads: 7 }, 'HOST_CONFIG_INCONSISTENT', 'dim 768 with n_heads 7'],
    [distilbertBase, { pad_token_id: 30522 }, 'HOST_CONFIG_INCONSISTENT', 'pad_token_id 30522'],
    [distilbertBase, { n_layers: 0 }, 'CONFIG_INVALID', 'n_layers'],
    [distilbertBase, { dim: null }, 'CONFIG_INVALID', 'dim'],
  ])('refuses %j with %j', (json, change, code, text) => {
    expect(() => parseHostConfig({ ...json, ...change }, 'some-model')).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(text) }),
    );
  });

  it.each([
    ['distil-bert', 'distilbert'],
    ['Roberta', 'roberta'],
    ['xlm_roberta', 'xlm-roberta'],
    ['bert-base-uncased', 'bert'],
    ['deberta_v2', 'deberta-v2'],
    ['Electra-small', 'electra'],
  ])('knows what model_type "%s" was meant to be', (modelType, meant) => {
    expect(() => parseHostConfig({ model_type: modelType }, 'm')).toThrow(
      expect.objectContaining({
        code: 'HOST_UNSUPPORTED',
        message: expect.stringContaining(`did you mean "${meant}"?`),
      }),
    );
  });

  it('says which types there are, without a guess for one that is far from all', () => {
    const refused = expect.objectContaining({
      message: expect.stringContaining('bert, roberta, xlm-roberta, camembert, distilbert, electra'),
    });
    expect(() => parseHostConfig({ model_type: 'llama' }, 'm')).toThrow(refused);
    for (const model_type of ['llama', 'mobilebert', 'deberta', 'bert-generation'])
      expect(() => parseHostConfig({ model_type }, 'm')).not.toThrow(/did you mean/);
  });

  it.each([
    ['deberta-v2', { relative_attention: false }, 'relative_attention false'],
    ['deberta-v2', { conv_kernel_size: 3 }, 'conv_kernel_size 3'],
    ['deberta-v2', { pooler_hidden_act: 'tanh' }, 'pooler_hidden_act "tanh"'],
    ['deberta-v2', { embedding_size: 7 }, 'embedding_size 7'],
    ['mpnet', { relative_attention_num_buckets: 16 }, 'relative_attention_num_buckets 16'],
  ] as const)('refuses what %s does not compute here: %j', (modelType, change, text) => {
    const json = tinyHostConfig({ modelType });
    expect(() => parseHostConfig({ ...json, ...change }, 'm')).toThrow(
      expect.objectContaining({ code: 'HOST_UNSUPPORTED', message: expect.stringContaining(text) }),
    );
    const [key] = Object.keys(change);
    expect(
      parseHostConfig({ ...json, ...(key === 'relative_attention' ? {} : { [key!]: undefined }) }, 'm'),
    ).toBeDefined();
  });

  it('reads the options of deberta-v3-base', () => {
    const json = {
      model_type: 'deberta-v2',
      max_position_embeddings: 512,
      max_relative_positions: -1,
      position_buckets: 256,
      pos_att_type: 'p2c|c2p',
      relative_attention: true,
      position_biased_input: false,
      share_att_key: true,
      norm_rel_ebd: 'layer_norm',
    };
    expect(parseHostConfig(json, 'm').options).toEqual({
      disentangled: { span: 256, farthest: 512, parts: ['c2p', 'p2c'], sharesMaps: true, norm: true },
      absolutePositions: false,
    });
  });
});
