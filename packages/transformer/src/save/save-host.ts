import { type Adapter, evaluationContext, type Host, PeftError } from '@tfjs-peft/peft-core';
import { isHead } from '@tfjs-peft/peft-core/authoring';
import { type JsonObject, readableJson, type WritableTensor, writeSafetensors } from '@tfjs-peft/peft-core/files';
import { type ReadoutMap } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import type { Family } from '../architecture/family.js';
import { isDecoderHost } from '../decoder/create-host.js';
import { requireEncoder } from '../encoder/create-host.js';
import { expectedTensors } from '../weights/expected-tensors.js';
import { decoderTensorsOf, requireHfScore } from './decoder-checkpoint.js';
import { toHfClassifier } from './hf-classifier.js';

/** What a saved model holds beside the weights of its host. */
export interface SaveHostOptions {
  /** The config.json that the host was loaded from: all that does not concern the classifier is kept. */
  readonly config: JsonObject;
  /** Its head, such as the `rest` of `mergeAdapter`; without one the encoder alone is saved. */
  readonly head?: Adapter | null;
  /** Names of the labels in place of those that the head has, in order. */
  readonly labels?: readonly string[];
  /** Each label is a question of its own: probabilities are sigmoids. */
  readonly multiLabel?: boolean;
  /** Of all numbers; `F16` rounds them. */
  readonly dtype?: 'F32' | 'F16';
}

/**
 * config.json and model.safetensors of a host, as HF transformers writes them: `AutoModelForSequenceClassification.from_pretrained` gives the same
 * logits with a head, `AutoModel` (`AutoModelForCausalLM` of a decoder) the same states without one. The tokenizer's files are to be copied beside them (`readCompanionFiles`).
 * Errors: `HEAD_NOT_IN_HF`, for heads of choices too; `NOT_A_HEAD` for a head that is more than that; `HOST_UNSUPPORTED`; `TENSOR_NOT_NARROWABLE` for numbers beyond F16.
 */
export async function saveHost(
  host: Host,
  { config, head, labels: named, multiLabel = false, dtype = 'F32' }: SaveHostOptions,
): Promise<Map<string, Uint8Array>> {
  const layout = head ? layoutOf(head) : undefined;
  const readout = head ? readoutOf(head, host) : undefined;
  const isDecoder = isDecoderHost(host);
  if (isDecoder && readout) await requireHfScore(readout, host);
  const { family } = isDecoder ? host.decoder : requireEncoder(host).encoder;
  const tensors = isDecoder ? decoderTensorsOf(host, readout) : namedTensors(host, head ?? null);
  const stored = new Map<string, WritableTensor>();
  try {
    for (const [name, tensor] of tensors)
      stored.set(name, { shape: tensor.shape, data: Float32Array.from(await tensor.data()), dtype });
  } finally {
    // Those of the host and of the head are not ours.
    tf.dispose([...tensors.values()]);
  }
  const labels = layout && (named ?? layout.labels);
  const entries = { labels, multiLabel, dtype, ...(isDecoder && { padTokenId: host.spec.padTokenId }) };
  return new Map([
    ['config.json', utf8(readableJson(classifierConfig(config, family, entries)))],
    ['model.safetensors', writeSafetensors(stored)],
  ]);
}

/** Copies of all tensors as HF names and shapes them, weights of affine maps as `[output, input]`; the caller owns them. */
function namedTensors(host: Host, head: Adapter | null): Map<string, tf.Tensor> {
  const encoderHost = requireEncoder(host);
  const { encoder } = encoderHost;
  const { family, pooler } = encoder;
  const named = new Map<string, tf.Tensor>();
  tf.tidy(() => {
    const prefix = head ? `${family.baseModelPrefix}.` : '';
    // A classifier of another kind than BERT's has no pooler.
    const isLeftOut = (path: string) => head !== null && pooler !== undefined && path.startsWith(`${pooler.path}.`);
    for (const { path, role } of expectedTensors(encoder)) {
      const tensor = host.weight(path);
      if (!isLeftOut(path)) named.set(prefix + path, role === 'affineWeight' ? tensor.transpose() : tensor.clone());
    }
    if (head)
      for (const { path, weight, bias } of toHfClassifier(readoutOf(head, host), encoderHost)) {
        named.set(`${path}.weight`, weight.clone());
        if (bias) named.set(`${path}.bias`, bias.clone());
      }
    return [...named.values()];
  });
  return named;
}

const readoutOf = ({ method, effective }: Adapter, host: Host): ReadoutMap =>
  method.intervene(effective, evaluationContext(host.spec, 1)).find((item) => item.kind === 'readout')!;

/** Errors: `NOT_A_HEAD`. */
function layoutOf({ method }: Adapter) {
  if (isHead(method) && method.head.choices)
    throw new PeftError('HEAD_NOT_IN_HF', {
      found: 'a head that scores the choices of a question',
      expected: 'one that answers once a text: a model is written as a classifier of texts',
      fix: 'keep the adapter beside its model: HF peft and choiceLogits open it there',
    });
  if (isHead(method)) return method.head;
  throw new PeftError('NOT_A_HEAD', {
    found: `a method of type ${method.type} in place of a head`,
    expected: 'a head alone, which is what is left of an adapter that was merged',
    fix: 'merge the adapter first (mergeAdapter)',
  });
}

/** What a config.json is to say. */
export interface ClassifierEntries {
  /** Absent for an encoder alone. */
  readonly labels: readonly string[] | undefined;
  readonly multiLabel: boolean;
  readonly dtype: 'F32' | 'F16';
  /** Of a decoder: by what HF tells the last token of a text; that of config.json wins. */
  readonly padTokenId?: number;
}

/**
 * Entries that say what a classifier is; those of an earlier one do not hold any more. `initializer_cutoff_factor` of ModernBERT is 2.0, which
 * JavaScript writes as 2 and HF's configuration refuses as no float; it only matters to training from nothing.
 */
const replacedEntries = [
  'id2label',
  'label2id',
  'num_labels',
  'problem_type',
  'finetuning_task',
  'torch_dtype',
  'initializer_cutoff_factor',
];

/** A config.json with the entries of a classifier, of an encoder alone without labels; all others are kept. */
export function classifierConfig(
  config: JsonObject,
  { className, languageModelClass = 'Model' }: Pick<Family, 'className'> & { readonly languageModelClass?: string },
  { labels, multiLabel, dtype, padTokenId }: ClassifierEntries,
): JsonObject {
  const kept = Object.entries(config).filter(([key]) => !replacedEntries.includes(key));
  return {
    ...Object.fromEntries(kept),
    architectures: [`${className}${labels ? 'ForSequenceClassification' : languageModelClass}`],
    dtype: dtype === 'F16' ? 'float16' : 'float32',
    ...(labels && labelEntries(labels, multiLabel)),
    ...(labels && padTokenId !== undefined && { pad_token_id: config['pad_token_id'] ?? padTokenId }),
  };
}

/** What config.json says about the labels of a classifier. */
const labelEntries = (labels: readonly string[], multiLabel: boolean): JsonObject => ({
  id2label: Object.fromEntries(labels.map((label, id) => [String(id), label])),
  label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
  problem_type:
    labels.length === 1 ? 'regression' : multiLabel ? 'multi_label_classification' : 'single_label_classification',
});

const utf8 = (text: string) => new TextEncoder().encode(text);
