import { nearMisses, PeftError } from '../errors.js';
import type { Json, JsonObject } from '../json.js';
import { canonicalJson } from './canonical-json.js';

/** The version of HF peft whose format is written. */
export const peftVersion = '0.21.0';

/** Keys that every `adapter_config.json` has and that no method owns. */
const commonKeys = [
  'auto_mapping',
  'base_model_name_or_path',
  'inference_mode',
  'modules_to_save',
  'peft_type',
  'peft_version',
  'revision',
  'task_type',
];

/** Keys that change what HF peft computes, with the values that do not. A method that implements one owns it. */
const semanticKeys: ReadonlyMap<string, readonly Json[]> = new Map<string, readonly Json[]>([
  ['alora_invocation_tokens', [null]],
  ['alpha_pattern', [{}, null]],
  ['arrow_config', [null]],
  ['bias', ['none']],
  ['encoder_reparameterization_type', []],
  ['ensure_weight_tying', [false]],
  ['exclude_modules', [null, []]],
  ['fan_in_fan_out', [false]],
  ['feedforward_modules', []],
  ['init_lora_weights', [true, false, 'gaussian']],
  ['kasa_config', [null]],
  ['layer_replication', [null]],
  ['layers_pattern', [null, []]],
  ['layers_to_transform', [null]],
  ['lora_alpha', []],
  ['lora_bias', [false]],
  ['monteclora_config', [null]],
  ['num_attention_heads', []],
  ['num_layers', []],
  ['num_transformer_submodules', [1, null]],
  ['num_virtual_tokens', []],
  ['r', []],
  ['rank_pattern', [{}, null]],
  ['target_modules', []],
  ['target_parameters', [null, []]],
  ['token_dim', []],
  ['trainable_token_indices', [null]],
  ['use_bdlora', [null, false]],
  ['use_dora', [false]],
  ['use_qalora', [false]],
  ['use_rslora', [false]],
  ['velora_config', [null]],
]);

/** Keys of training or of other software, without effect on a loaded adapter. */
const neutralKeys = new Set([
  'corda_config',
  'encoder_dropout',
  'encoder_hidden_size',
  'encoder_num_layers',
  'eva_config',
  'init_ia3_weights',
  'init_weights',
  'loftq_config',
  'lora_dropout',
  'lora_ga_config',
  'megatron_config',
  'megatron_core',
  'prefix_projection',
  'prompt_tuning_init',
  'prompt_tuning_init_text',
  'qalora_group_size',
  'tokenizer_kwargs',
  'tokenizer_name_or_path',
]);

export interface HfConfigOptions {
  readonly baseModelNameOrPath?: string | null;
  readonly revision?: string | null;
  /** Further entries to write, as a load kept them. Entries that we write ourselves win. */
  readonly extraConfig?: JsonObject;
}

export const makeHfConfig = (peftType: string, own: JsonObject, options: HfConfigOptions): JsonObject => ({
  ...options.extraConfig,
  ...own,
  auto_mapping: null,
  base_model_name_or_path: options.baseModelNameOrPath ?? options.extraConfig?.['base_model_name_or_path'] ?? null,
  inference_mode: true,
  modules_to_save: ['classifier', 'score'],
  peft_type: peftType,
  peft_version: peftVersion,
  revision: options.revision ?? options.extraConfig?.['revision'] ?? null,
  task_type: 'SEQ_CLS',
});

/**
 * Judges the entries that the method does not own: those that change outputs are errors unless they say "nothing special", the others
 * are kept, with a warning where nobody knows them. Result: what is worth writing again, the base model's name included. Errors: `CONFIG_KEY_UNSUPPORTED`.
 */
export function checkForeignKeys(
  config: JsonObject,
  owned: JsonObject,
  where: string,
  onWarning: (message: string) => void,
): JsonObject {
  const foreign = Object.entries(config).filter(([key]) => !commonKeys.includes(key) && !Object.hasOwn(owned, key));
  for (const [key, value] of foreign) {
    const harmless = semanticKeys.get(key);
    if (harmless?.some((allowed) => canonicalJson(allowed) === canonicalJson(value))) continue;
    if (harmless)
      throw new PeftError('CONFIG_KEY_UNSUPPORTED', {
        found: `${where}: "${key}": ${brief(value)}, which changes outputs and is not supported by ${String(config['peft_type'])} here`,
        expected: harmless.length > 0 ? `"${key}": ${brief(harmless[0]!)}, or no such entry` : `no entry "${key}"`,
        fix: 'convert the adapter in HF peft to one without it, or train it again without it',
      });
    if (neutralKeys.has(key)) continue;
    const [close] = nearMisses(key, [...commonKeys, ...Object.keys(owned), ...semanticKeys.keys()], 1);
    onWarning(
      `${where}: unknown entry "${key}": ${brief(value)}${close ? ` (did you mean "${close}"?)` : ''}; it is kept and has no effect`,
    );
  }
  checkModulesToSave(config['modules_to_save'], where);
  const origin = ['base_model_name_or_path', 'revision'].filter((key) => config[key] != null);
  return Object.fromEntries([...foreign, ...origin.map((key) => [key, config[key]!] as const)]);
}

/** Modules that HF's sequence classifiers keep beside their encoder. */
const headModules = ['classifier', 'pre_classifier', 'score'];

function checkModulesToSave(value: Json | undefined, where: string): void {
  const modules = value == null ? [] : Array.isArray(value) ? (value as readonly Json[]) : [value];
  const other = modules.find((name) => !headModules.includes(String(name)));
  if (other === undefined) return;
  throw new PeftError('CONFIG_KEY_UNSUPPORTED', {
    found: `${where}: "modules_to_save" names ${brief(other)}`,
    expected: `only ${headModules.map((name) => `"${name}"`).join(', ')}, the heads of sequence classifiers`,
    fix: 'train the adapter again without other modules',
  });
}

const brief = (value: Json) => {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
};
