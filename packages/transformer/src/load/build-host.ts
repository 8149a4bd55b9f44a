import { type HostSpec, type NamedArrays, PeftError, type Readout } from '@tfjs-peft/peft-core';
import { hostHeadNames, isJsonObject, type JsonObject } from '@tfjs-peft/peft-core/files';
import type { EncoderConfig } from '../architecture/family.js';
import type { DecoderConfig } from '../decoder/family.js';
import { parseHostConfig } from '../architecture/parse-host-config.js';
import { familyOf } from '../architecture/families.js';
import { isDecoderType } from '../architecture/decoder-types.js';
import { createDecoderHost, type DecoderHost } from '../decoder/create-host.js';
import { parseDecoderConfig } from '../decoder/parse-decoder-config.js';
import { createHost, type EncoderHost, type HostOptions } from '../encoder/create-host.js';
import { warn } from '../model/warn.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import type { TensorSource } from '../weights/tensor-source.js';
import type { OpenedModel } from './open-model.js';

/** How a loaded host differs from what its files say. */
export interface HostChoices extends Pick<HostOptions, 'dropout' | 'onIgnored'> {
  /** For messages, files and the readout of known families; by default the Hub name or the folder's. */
  readonly name?: string;
  /** The usual readout; by default what the files and the name say. */
  readonly readout?: Readout;
  /** Told where something is taken otherwise than the files ask for; a console warning if absent. */
  readonly onWarning?: (message: string) => void;
}

/** Any host of this package. */
export type TransformerHost = EncoderHost | DecoderHost;

/** A host with its tokenizer. */
export interface LoadedHost {
  readonly host: TransformerHost;
  readonly tokenizer: Tokenizer;
  /** What config.json says about a classifier on top. */
  readonly classifier: ClassifierHints;
}

/** What the files of a base model tell about a classifier on top of it. */
export interface ClassifierHints {
  /** Names of the outputs, where the file has them all. */
  readonly labels: readonly string[] | undefined;
  /** Tensors of a classifier in the weights, under their names there; absent if they hold none of the usual form. */
  readonly tensors?: NamedArrays;
  /** Of a model for another task, layers that a classifier would stand on (ModernBERT's prediction head), which HF takes over by their names. */
  readonly layersBelow?: NamedArrays;
  /** True where each output is a question of its own (`multi_label_classification`): probabilities are sigmoids. */
  readonly multiLabel: boolean;
}

/** Makes host and tokenizer and closes the model, whatever happens. Errors: `TOKENIZER_MISMATCH`, those of `createHost` and `createTokenizer`. */
export async function buildHost(model: OpenedModel, name: string, choices: HostChoices): Promise<LoadedHost> {
  try {
    const { config, tensors } = model;
    const tokenizer = await model.readTokenizer();
    const isDecoder = isDecoderType(config['model_type']);
    const parsed = isDecoder ? parseDecoderConfig(config, name) : parseHostConfig(config, name);
    requireTokenizer(tokenizer, parsed, model.location);
    const { dropout, onIgnored, readout: defaultReadout = model.readout, onWarning = warn } = choices;
    if (model.readoutWarning !== undefined && choices.readout === undefined) onWarning(model.readoutWarning);
    const options = { config, tensors, name, defaultReadout, dropout, onIgnored };
    const host = isDecoder ? await createDecoderHost(options) : await createHost(options);
    const classifier = { ...readHints(config), ...(await readHead(tensors, host.spec, isSentenceClassifier(config))) };
    return { tokenizer: 'typeVocabSize' in parsed ? withTypesOf(tokenizer, parsed) : tokenizer, host, classifier };
  } finally {
    await model.close();
  }
}

/** A model for other tasks may have a classifier of the same form, for single tokens say. */
const isSentenceClassifier = ({ architectures }: JsonObject): boolean =>
  !Array.isArray(architectures) || architectures.some((name) => /ForSequenceClassification$/.test(String(name)));

/** The classifier that HF's sequence classifier of the host has, if all of it is there and it is one; else the layers below its output. */
async function readHead(
  { tensors, readFloat32 }: TensorSource,
  spec: HostSpec,
  isClassifier: boolean,
): Promise<Pick<ClassifierHints, 'tensors' | 'layersBelow'>> {
  const names = hostHeadNames(spec);
  const { output, bias } = spec.classifier;
  const isOfOutput = (name: string) => name.startsWith(`${output}.`);
  const isThere = (name: string) => tensors.has(name) || (bias === false && name === `${output}.bias`);
  const isWhole = isClassifier && names.every(isThere);
  const wanted = names.filter((name) => tensors.has(name) && (isWhole || !isOfOutput(name)));
  if (wanted.length === 0) return {};
  const arrays = wanted.map(async (name) => {
    const data = await readFloat32(name);
    return [name, { shape: tensors.get(name)!.shape, data }] as const;
  });
  return { [isWhole ? 'tensors' : 'layersBelow']: new Map(await Promise.all(arrays)) };
}

/** What a config.json says about a classifier. */
function readHints({
  id2label: map,
  problem_type: problem,
}: JsonObject): Pick<ClassifierHints, 'labels' | 'multiLabel'> {
  const entries = isJsonObject(map) ? Object.entries(map) : [];
  const names = entries.map((_, index) => (map as JsonObject)[String(index)]);
  const isComplete = names.length > 0 && names.every((name) => typeof name === 'string');
  return {
    labels: isComplete ? (names as string[]) : undefined,
    multiLabel: problem === 'multi_label_classification',
  };
}

/** The tokenizer with a typed error where a text would get a token type that the host's table lacks. */
function withTypesOf(tokenizer: Tokenizer, { typeVocabSize }: EncoderConfig): Tokenizer {
  if (typeVocabSize === 0 || tokenizer.largestTypeId < typeVocabSize) return tokenizer;
  return {
    ...tokenizer,
    encode(text, options) {
      const encoded = tokenizer.encode(text, options);
      const type = encoded.tokenTypeIds.reduce((a, b) => Math.max(a, b), 0);
      if (type < typeVocabSize) return encoded;
      throw new PeftError('TOKENIZER_MISMATCH', {
        found: `token type ${type} by tokenizer.json, ${typeVocabSize} token types in config.json`,
        expected: 'types that the host knows',
        fix: 'get both files from the same model; a host with one token type cannot tell the texts of a pair apart',
      });
    },
  };
}

function requireTokenizer(
  { vocabSize, padTokenId }: Tokenizer,
  config: EncoderConfig | DecoderConfig,
  location: string,
): void {
  const mismatch = (found: string, expected: string) =>
    new PeftError('TOKENIZER_MISMATCH', { found, expected, fix: 'get both files from the same model' });
  if (vocabSize > config.vocabSize)
    throw mismatch(
      `tokenizer.json has ${vocabSize} tokens, config.json of ${location} ${config.vocabSize}`,
      'a tokenizer whose ids all have a word embedding',
    );
  if (
    'typeVocabSize' in config &&
    padTokenId !== config.padTokenId &&
    familyOf(config.modelType).positions.readsPadding
  )
    throw mismatch(
      `the tokenizer pads with ${padTokenId}, config.json of ${location} has pad_token_id ${config.padTokenId}`,
      'one id: position ids of this architecture count the tokens that are not padding',
    );
}
