import { type HostSpec, PeftError } from '@tfjs-peft/peft-core';
import { nearMisses } from '@tfjs-peft/peft-core/authoring';
import type { AdapterHubPart, Json, JsonObject } from '@tfjs-peft/peft-core/files';
import type { ActivationName } from './activations.js';
import type { AdapterOptions } from './config.js';

const activationsByName: Readonly<Record<string, ActivationName>> = {
  relu: 'relu',
  gelu: 'gelu',
  gelu_new: 'gelu_new',
  gelu_pytorch_tanh: 'gelu_new',
  swish: 'swish',
  silu: 'swish',
  tanh: 'tanh',
  sigmoid: 'sigmoid',
  leakyrelu: 'leaky_relu',
  linear: 'identity',
};
/** Files older than the key `version` gave other functions these names. */
const activationsOfOldFiles: Readonly<Record<string, string>> = { gelu: 'gelu_new', gelu_orig: 'gelu' };

/** Entries with a meaning of their own, which {@link readBottleneckConfig} reads. */
const readKeys = [
  'mh_adapter',
  'output_adapter',
  'reduction_factor',
  'non_linearity',
  'is_parallel',
  'scaling',
  'dropout',
  'init_weights',
  'leave_out',
  'original_ln_before',
  'residual_before_ln',
];
/** Entries that change the function, with the values that do not. */
const requiredValues: Readonly<Record<string, readonly Json[]>> = {
  architecture: [null, 'bottleneck'],
  original_ln_after: [true],
  ln_before: [false],
  ln_after: [false],
  use_gating: [false],
  cross_adapter: [false],
  inv_adapter: [null],
  phm_layer: [false],
};
/** Entries without effect while those of {@link requiredValues} have their values, or in training alone. */
const idleKeys = [
  'adapter_residual_before_ln',
  'init_weights_seed',
  'inv_adapter_reduction_factor',
  'phm_dim',
  'factorized_phm_W',
  'shared_W_phm',
  'shared_phm_rule',
  'factorized_phm_rule',
  'phm_c_init',
  'phm_init_range',
  'learn_phm',
  'hypercomplex_nonlinearity',
  'phm_rank',
  'phm_bias',
  'stochastic_depth',
];

/** True for the entries of a bottleneck adapter, which have no `architecture` that says so. */
export const isBottleneckConfig = (config: JsonObject): boolean =>
  requiredValues['architecture']!.includes(config['architecture'] ?? null) && 'output_adapter' in config;

/**
 * The entries of a bottleneck adapter in AdapterHub's adapter_config.json as our configuration. Errors: `CONFIG_INVALID`;
 * `CONFIG_KEY_UNSUPPORTED` for what a sublayer adapter cannot compute.
 */
export function readBottleneckConfig({ config, version }: AdapterHubPart, host: HostSpec): AdapterOptions {
  requireKnown(config);
  const parallel = readBoolean(config, 'is_parallel', false);
  const normed = !parallel && readBoolean(config, 'original_ln_before', false);
  requireResidual(config, normed);
  const places = (['attention', 'feedForward'] as const).filter((place) =>
    readBoolean(config, place === 'attention' ? 'mh_adapter' : 'output_adapter'),
  );
  if (places.length === 0) throw invalid('mh_adapter and output_adapter', false, 'one of them true');
  const { init_weights: start } = config;
  return {
    placement: parallel ? 'parallel' : normed ? 'normed' : 'sequential',
    places,
    layers: readLayers(config, host),
    reductionFactor: readNumber(config, 'reduction_factor'),
    activation: readActivation(config, version !== null),
    scale: readScale(config.scaling ?? 1),
    dropout: config.dropout === undefined ? 0 : readNumber(config, 'dropout'),
    initialisation: start === 'mam_adapter' ? 'mam' : start === 'bert' ? 'bert' : 'zeroUp',
  };
}

function requireKnown(config: JsonObject): void {
  const known = [...readKeys, ...Object.keys(requiredValues), ...idleKeys];
  for (const [key, value] of Object.entries(config)) {
    if (!known.includes(key)) throw unsupported(key, value, nearMisses(key, known)[0] ?? 'no such entry');
    const allowed = requiredValues[key];
    if (allowed && !allowed.includes(value)) throw unsupported(key, value, JSON.stringify(allowed[0]));
  }
}

/** Behind a LayerNorm of the host, the adapter's own residual must be the sublayer's output: what `residual_before_ln: true` says. */
function requireResidual(config: JsonObject, normed: boolean): void {
  const value = config.residual_before_ln ?? true;
  if (typeof value !== 'boolean' || (normed && !value))
    throw unsupported('residual_before_ln', value, normed ? 'true with original_ln_before: true' : 'true or false');
}

function readLayers(config: JsonObject, host: HostSpec): number[] | null {
  const leftOut = config.leave_out ?? [];
  if (!Array.isArray(leftOut)) throw invalid('leave_out', leftOut, 'a list of layer numbers');
  if (leftOut.length === 0) return null;
  return Array.from({ length: host.numHiddenLayers }, (_, layer) => layer).filter((layer) => !leftOut.includes(layer));
}

function readActivation({ non_linearity: name }: JsonObject, hasVersion: boolean): ActivationName {
  const lower = typeof name === 'string' ? name.toLowerCase() : '';
  const found = activationsByName[hasVersion ? lower : (activationsOfOldFiles[lower] ?? lower)];
  if (found) return found;
  throw unsupported('non_linearity', name, `one of ${Object.keys(activationsByName).join(', ')}`);
}

function readScale(scaling: Json): number | 'learned' | 'channel' {
  if (typeof scaling === 'number' || scaling === 'learned' || scaling === 'channel') return scaling;
  throw unsupported('scaling', scaling, 'a number, "learned" or "channel"');
}

function readBoolean(config: JsonObject, key: string, absent?: boolean): boolean {
  const value = config[key] ?? absent;
  if (typeof value === 'boolean') return value;
  throw invalid(key, value, 'true or false');
}

function readNumber(config: JsonObject, key: string): number {
  const value = config[key];
  if (typeof value === 'number') return value;
  throw invalid(key, value, 'a number (one for all layers)');
}

const shown = (value: Json | undefined) => (value === undefined ? 'no value' : JSON.stringify(value));
const invalid = (key: string, value: Json | undefined, expected: string) =>
  new PeftError('CONFIG_INVALID', { found: `${key}: ${shown(value)}`, expected });
const unsupported = (key: string, value: Json | undefined, expected: string) =>
  new PeftError('CONFIG_KEY_UNSUPPORTED', {
    found: `"${key}": ${shown(value)} changes what the adapter computes`,
    expected,
    fix: 'train the adapter anew with this package, or one with entries that it supports (docs/adapter.md)',
  });
