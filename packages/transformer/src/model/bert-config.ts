import { parseConfig, PeftError } from '@tfjs-peft/peft-core';
import { z } from 'zod';
import { type ActivationName, activationNames, isActivationName } from './activations.js';

const positiveInteger = z.int().min(1);
const rate = z.number().min(0).lt(1);

/** The entries of a BERT config.json that change a forward pass, with the defaults of HF's BertConfig. Other entries are dropped. */
const bertSchema = z.object({
  vocab_size: positiveInteger.default(30522),
  hidden_size: positiveInteger.default(768),
  num_hidden_layers: positiveInteger.default(12),
  num_attention_heads: positiveInteger.default(12),
  intermediate_size: positiveInteger.default(3072),
  hidden_act: z.string().default('gelu'),
  hidden_dropout_prob: rate.default(0.1),
  attention_probs_dropout_prob: rate.default(0.1),
  max_position_embeddings: positiveInteger.default(512),
  type_vocab_size: positiveInteger.default(2),
  layer_norm_eps: z.number().positive().default(1e-12),
  pad_token_id: z.int().min(0).nullish(),
  position_embedding_type: z.string().nullish(),
  is_decoder: z.boolean().nullish(),
  add_cross_attention: z.boolean().nullish(),
});

/** A validated architecture. Sizes are numbers of elements; rates are probabilities. */
export interface BertConfig {
  readonly modelType: 'bert';
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  readonly intermediateSize: number;
  readonly hiddenActivation: ActivationName;
  readonly hiddenDropout: number;
  readonly attentionDropout: number;
  readonly maxPositionEmbeddings: number;
  readonly typeVocabSize: number;
  readonly layerNormEpsilon: number;
  readonly padTokenId: number;
}

/** Readers of config.json by `model_type`. RoBERTa and DistilBERT belong here once their encoders exist. */
const readers: Readonly<Record<string, (json: object, name: string) => BertConfig>> = { bert: readBert };

/**
 * Validates the parsed config.json of a host called `name`. Unknown keys are ignored, since HF files hold many that do not matter here.
 * Errors: `HOST_CONFIG_INVALID` (not an object), `CONFIG_INVALID` (wrong types or ranges), `HOST_UNSUPPORTED` (model type, activation, relative
 * positions, decoder, cross attention), `HOST_CONFIG_INCONSISTENT` (sizes that exclude each other).
 */
export function parseBertConfig(json: unknown, name: string): BertConfig {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new PeftError('HOST_CONFIG_INVALID', {
      found: `config.json of "${name}" holds ${Array.isArray(json) ? 'a list' : String(json)}`,
      expected: 'an object as HF transformers writes it',
      fix: 'get the file again',
    });
  const modelType = 'model_type' in json ? json.model_type : undefined;
  const read = typeof modelType === 'string' && Object.hasOwn(readers, modelType) ? readers[modelType] : undefined;
  if (read) return read(json, name);
  throw unsupported(
    name,
    `model_type ${JSON.stringify(modelType ?? null)}`,
    `one of ${Object.keys(readers).join(', ')}`,
    'take a BERT model',
  );
}

function readBert(json: object, name: string): BertConfig {
  const config = parseConfig(bertSchema, json, `host "${name}" (config.json)`);
  const positions = config.position_embedding_type ?? 'absolute';
  if (positions !== 'absolute')
    throw unsupported(
      name,
      `position_embedding_type "${positions}"`,
      '"absolute"',
      'take a model with absolute positions',
    );
  if (config.is_decoder) throw unsupported(name, 'is_decoder true', 'an encoder', 'take a model with is_decoder false');
  if (config.add_cross_attention)
    throw unsupported(name, 'add_cross_attention true', 'no cross attention', 'take an encoder without it');
  const activation = config.hidden_act;
  if (!isActivationName(activation))
    throw unsupported(name, `hidden_act "${activation}"`, `one of ${activationNames.join(', ')}`, 'take another model');
  requireConsistentSizes(config, name);
  return {
    modelType: 'bert',
    vocabSize: config.vocab_size,
    hiddenSize: config.hidden_size,
    numHiddenLayers: config.num_hidden_layers,
    numAttentionHeads: config.num_attention_heads,
    intermediateSize: config.intermediate_size,
    hiddenActivation: activation,
    hiddenDropout: config.hidden_dropout_prob,
    attentionDropout: config.attention_probs_dropout_prob,
    maxPositionEmbeddings: config.max_position_embeddings,
    typeVocabSize: config.type_vocab_size,
    layerNormEpsilon: config.layer_norm_eps,
    padTokenId: config.pad_token_id ?? 0,
  };
}

function requireConsistentSizes(config: z.output<typeof bertSchema>, name: string): void {
  const { hidden_size: hidden, num_attention_heads: heads, vocab_size: vocabulary, pad_token_id: pad } = config;
  const inconsistent = (found: string, expected: string) =>
    new PeftError('HOST_CONFIG_INCONSISTENT', {
      found: `config.json of "${name}": ${found}`,
      expected,
      fix: 'get the file that belongs to the weights',
    });
  if (hidden % heads !== 0)
    throw inconsistent(
      `hidden_size ${hidden} with num_attention_heads ${heads}`,
      'a hidden size that the number of heads divides',
    );
  if (pad != null && pad >= vocabulary)
    throw inconsistent(`pad_token_id ${pad} with vocab_size ${vocabulary}`, 'a padding token within the vocabulary');
}

const unsupported = (name: string, found: string, expected: string, fix: string) =>
  new PeftError('HOST_UNSUPPORTED', { found: `host "${name}" has ${found}`, expected, fix });
