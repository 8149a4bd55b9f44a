import { type HostSpec, type NamedArray, type NamedArrays, PeftError, sitesOfKind } from '@tfjs-peft/peft-core';
import { matchNames } from '@tfjs-peft/peft-core/authoring';
import {
  canonicalJson,
  checkTensors,
  type FileCodec,
  type JsonObject,
  readHfPatterns,
} from '@tfjs-peft/peft-core/files';
import type * as z from 'zod';
import type { LayerNormTuningConfig, layerNormTuningConfig } from './config.js';

interface LayerNormNames {
  /** Paths of the weights and biases, `<norm>.weight` and `<norm>.bias`. */
  tensorsOf(host: HostSpec): readonly string[];
  /** The parameter that is the difference of a tensor. */
  nameOf(tensor: string): string;
}

/** HF peft stores whole values, `<norm>.ln_tuning_layers.weight` and `.bias` `[size]`: frozen tensor plus difference. */
export const layerNormFiles = (config: LayerNormTuningConfig, { tensorsOf, nameOf }: LayerNormNames): FileCodec => ({
  peftType: 'LN_TUNING',
  headPrefix: 'base_model.model.',
  hostTensors: tensorsOf,
  encode(effective, host, frozen) {
    const tensors = tensorsOf(host);
    const values = tensors.map((tensor) => combine(frozenAt(frozen, tensor), effective.get(nameOf(tensor))!, 1));
    return {
      config: { exclude_modules: null, target_modules: writeTargets(config, tensors, host) },
      tensors: new Map(tensors.map((tensor, index) => [storedName(tensor, host), values[index]!])),
      differences: [],
    };
  },
  decode(tensors, host, frozen): NamedArrays {
    const paths = tensorsOf(host);
    const expected = paths.map((tensor) => ({
      name: storedName(tensor, host),
      shape: frozenAt(frozen, tensor).shape,
    }));
    checkTensors(tensors, expected, 'tensors of LN tuning');
    return new Map(
      paths.map((tensor, index) => [
        nameOf(tensor),
        combine(tensors.get(expected[index]!.name)!, frozenAt(frozen, tensor), -1),
      ]),
    );
  },
});

const storedName = (tensor: string, host: HostSpec) =>
  `base_model.model.${host.baseModelPrefix}.${tensor.replace(/\.(weight|bias)$/, '.ln_tuning_layers.$1')}`;

function frozenAt(frozen: NamedArrays, path: string): NamedArray {
  const array = frozen.get(path);
  if (array) return array;
  throw new Error(`the tensor ${path} of the host was not passed to the codec of LN tuning`);
}

/** `a + sign · b` in single precision: what the host computes, so that a stored value is the one that acted. */
const combine = (a: NamedArray, b: NamedArray, sign: 1 | -1): NamedArray => ({
  shape: a.shape,
  data: a.data.map((value, index) => Math.fround(value + sign * b.data[index]!)),
});

/** Names that HF peft takes for exactly these norms: the configuration's own list, else last parts of paths, else whole paths. */
function writeTargets({ targets }: LayerNormTuningConfig, tensors: readonly string[], host: HostSpec): string[] {
  const paths = [...new Set(tensors.map((tensor) => tensor.replace(/\.(weight|bias)$/, '')))];
  const exact = (names: readonly string[]) =>
    hfNorms(names, [], host).length === paths.length && hfNorms(names, [], host).every((path) => paths.includes(path));
  const lastParts = paths.map((path) => path.slice(path.lastIndexOf('.') + 1));
  const candidates = [...(Array.isArray(targets) ? [targets] : []), lastParts];
  return sorted((lacksOne(host) ? undefined : candidates.find(exact)) ?? paths);
}

/** ModernBERT's first layer has an `nn.Identity` where the others have a norm, which no name in HF peft may mean. */
function lacksOne(host: HostSpec): boolean {
  const norms = new Set(sitesOfKind(host, 'norm').map(({ path }) => path));
  return [...norms].some((path) => !norms.has(path.replace(/\.\d+\./, '.0.')));
}

/** The norms that HF peft selects: a name in a list stands for itself and its dotted ends, an expression for whole names. */
function hfNorms(targets: string | readonly string[], exclude: string | readonly string[], host: HostSpec): string[] {
  const [isTarget, isExcluded] = [matchNames(targets), matchNames(exclude)];
  return sitesOfKind(host, 'norm').flatMap(({ path }) => {
    const key = `${host.baseModelPrefix}.${path}`;
    return isTarget(key) && !isExcluded(key) ? [path] : [];
  });
}

const sorted = (names: readonly string[]) => [...new Set(names)].sort();

/**
 * The configuration in HF peft's file as ours: a list stays, an expression (which wants the name of the base model) and what
 * `exclude_modules` leaves become lists of paths. Errors: `CONFIG_INVALID`, `TARGET_UNMATCHED`, `TARGET_PATTERN_INVALID`.
 */
export function readHfLayerNormConfig(config: JsonObject, host: HostSpec): z.input<typeof layerNormTuningConfig> {
  const targets = readHfPatterns(config, 'target_modules', host);
  const exclude = readHfPatterns(config, 'exclude_modules', host) ?? [];
  if (!targets)
    throw new PeftError('CONFIG_INVALID', {
      found: 'no "target_modules" in adapter_config.json',
      expected: '["LayerNorm"] for example: HF peft has no usual ones for encoders',
      fix: 'get the complete file; HF peft always writes them',
    });
  if (typeof targets !== 'string' && exclude.length === 0) return { targets };
  const paths = hfNorms(targets, exclude, host);
  if (paths.length > 0) return { targets: paths };
  throw new PeftError('TARGET_UNMATCHED', {
    found: `"target_modules": ${canonicalJson(targets)} in adapter_config.json select no LayerNorm of host "${host.name}"`,
    expected: `paths such as ${host.baseModelPrefix}.${sitesOfKind(host, 'norm')[0]?.path ?? '(none)'}`,
    fix: 'load the adapter on the host it was trained for',
  });
}
