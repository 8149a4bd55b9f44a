/** The public names that run in a browser: what bundlers get in place of index.ts, through the `browser` condition of package.json. */
export type { EncoderConfig } from './architecture/family.js';
export { parseHostConfig } from './architecture/parse-host-config.js';
export { modelTypes } from './architecture/families.js';
export type { ModelType } from './architecture/family.js';
export type { Encoder, EncoderLayer, LinearModule, Sublayer } from './architecture/encoder.js';
export { distanceBucket, distanceRow } from './architecture/distance-buckets.js';
export { createHost, type EncoderHost, type HostOptions, requireEncoder } from './encoder/create-host.js';
export type { HostSpecOptions } from './encoder/host-spec.js';
export { readHostSpec } from './load/read-host-spec.js';
export { type DecoderType, decoderTypes } from './architecture/decoder-types.js';
export {
  type ContinuedOutputs,
  createDecoderHost,
  type DecoderHost,
  type DecoderOptions,
  isDecoderHost,
  requireDecoder,
} from './decoder/create-host.js';
export { createRandomDecoder, type RandomDecoderOptions, tinyDecoderConfig } from './decoder/create-random-host.js';
export type { LayerPast, Past } from './decoder/decoder-pass.js';
export type { Decoder, DecoderLayer, DecoderLinear, DecoderSublayer } from './decoder/describe-decoder.js';
export type { DecoderConfig } from './decoder/family.js';
export { parseDecoderConfig } from './decoder/parse-decoder-config.js';
export {
  createRandomHost,
  type RandomHostOptions,
  type RandomHostSizes,
  tinyBertConfig,
  tinyHostConfig,
} from './encoder/create-random-host.js';
export { countVirtualTokens } from './model/count-virtual-tokens.js';
export { type Continuation, generate, type GenerateRequest } from './generate/generate.js';
export { type GenerationInput, type GenerationSettings, parseGeneration } from './generate/settings.js';
export { createMlmHead, type MlmHead, type MlmSelection } from './mlm/create-mlm-head.js';
export { createPromptedHost, type PromptedHostOptions, requireMasks } from './mlm/create-prompted-host.js';
export { memoryTensorSource, type TensorSource } from './weights/tensor-source.js';
export { createTokenizer } from './tokenizer/create-tokenizer.js';
export type { EncodeOptions, TokenizedText, Tokenizer, TokenizerFiles } from './tokenizer/tokenizer.js';
export { classifierConfig, type ClassifierEntries, saveHost, type SaveHostOptions } from './save/save-host.js';
export { forTransformersJs } from './save/for-transformers-js.js';
export type { ClassifierHints, HostChoices, LoadedHost, TransformerHost } from './load/build-host.js';
export { loadHostFromUrl, type LoadHostFromUrlOptions } from './load/load-host-from-url.js';
export type { OpenedModel } from './load/open-model.js';
export type { FetchOptions, FetchProgress, HostAddress } from './load/url-files.js';
