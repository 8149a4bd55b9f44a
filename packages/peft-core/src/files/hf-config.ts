import { bounds } from '../bounds.js';
import { nearMisses, PeftError } from '../errors.js';
import type { HostSpec } from '../host-spec.js';
import type { Json, JsonObject } from '../json/json.js';
import { baseClassKeys, bareNamesKey } from './base-class.js';
import { briefJson } from '../json/brief-json.js';
import { canonicalJson } from '../json/canonical-json.js';

/** The version of HF peft whose format is written. */
const peftVersion = '0.21.0';

/** Keys that every `adapter_config.json` has and that no method owns. */
const commonKeys = new Set([
  'auto_mapping',
  'base_model_name_or_path',
  'inference_mode',
  'modules_to_save',
  'peft_type',
  'peft_version',
  'revision',
  'task_type',
]);

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
  ['trainable_token_indices', [null, {}]],
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
  'random_seed',
  'tokenizer_kwargs',
  'tokenizer_name_or_path',
]);

export interface HfConfigOptions {
  readonly baseModelNameOrPath?: string | null;
  readonly revision?: string | null;
  /** Further entries to write, as a load kept them. Entries that we write ourselves win. */
  readonly extraConfig?: JsonObject;
}

/** What stands in a folder beside the method. */
interface ConfigParts {
  readonly hasHead: boolean;
  /** Its head scores the choices of a question, for which HF peft has no task. */
  readonly choices?: boolean;
  /** HF peft has no place for a head beside the method. */
  readonly headless?: boolean;
  /** Modules of the encoder that are saved whole. */
  readonly saved?: readonly string[];
}

/** An adapter without a head keeps the class that it was made around; with one it is a sequence classifier's. */
export function makeHfConfig(
  peftType: string,
  own: JsonObject,
  { hasHead, choices = false, headless = false, saved = [] }: ConfigParts,
  { extraConfig = {}, ...options }: HfConfigOptions,
  host: HostSpec,
): JsonObject {
  const taskType = choices ? null : hasHead ? 'SEQ_CLS' : taskToKeep(extraConfig, host);
  const modules = [
    ...(taskType === 'SEQ_CLS' || choices ? ['classifier', 'score', ...headModulesOutside(host)] : []),
    ...saved,
  ];
  const kept = Object.entries(extraConfig).filter(([key]) => key !== bareNamesKey);
  return {
    ...Object.fromEntries(kept),
    ...own,
    auto_mapping: taskType === null ? (extraConfig['auto_mapping'] ?? null) : null,
    base_model_name_or_path: options.baseModelNameOrPath ?? extraConfig['base_model_name_or_path'] ?? null,
    inference_mode: true,
    ...(!headless && { modules_to_save: modules.length > 0 ? modules : null }),
    peft_type: peftType,
    peft_version: peftVersion,
    revision: options.revision ?? extraConfig['revision'] ?? null,
    task_type: taskType,
  };
}

/** Modules of HF's classifier that it does not save by itself: the pooler of DeBERTa, the head of ModernBERT. */
export function headModulesOutside({ classifier: { hidden } }: HostSpec): string[] {
  const modules = [hidden?.path, hidden?.norm].flatMap((path) => (path === undefined ? [] : [path.split('.')[0]!]));
  return [...new Set(modules.filter((module) => !/(classifier|score)$/.test(module)))];
}

/** The task that an adapter without a head is written for. */
export const taskToKeep = (
  { task_type: taskType }: JsonObject,
  { languageModel }: Pick<HostSpec, 'languageModel'>,
): Json => (taskType === undefined ? (languageModel ? 'CAUSAL_LM' : 'SEQ_CLS') : taskType);

/**
 * Judges the entries that the method does not own: those that change outputs are errors unless they say "nothing special", the others
 * are kept, with a warning where nobody knows them; `modules` says which entries of `modules_to_save` are accounted for. Result: what is worth writing again, the base model's name included. Errors: `CONFIG_KEY_UNSUPPORTED`.
 */
export function checkForeignKeys(
  config: JsonObject,
  owned: JsonObject,
  where: string,
  onWarning: (message: string) => void,
  modules: (entry: Json) => boolean = () => false,
): JsonObject {
  const foreign = Object.entries(config).filter(
    ([key]) => key !== bareNamesKey && !commonKeys.has(key) && !Object.hasOwn(owned, key),
  );
  const unknown: (readonly [string, Json])[] = [];
  for (const [key, value] of foreign) {
    const harmless = semanticKeys.get(key);
    if (harmless?.some((allowed) => canonicalJson(allowed) === canonicalJson(value))) continue;
    if (harmless)
      throw new PeftError('CONFIG_KEY_UNSUPPORTED', {
        found: `${where}: "${key}": ${briefJson(value)}, which changes outputs and is not supported by ${briefJson(config['peft_type'])} here`,
        expected: harmless.length > 0 ? `"${key}": ${briefJson(harmless[0]!)}, or no such entry` : `no entry "${key}"`,
        fix: 'convert the adapter in HF peft to one without it, or train it again without it',
      });
    if (!neutralKeys.has(key)) unknown.push([key, value]);
  }
  for (const [key, value] of unknown.slice(0, bounds.warnings)) {
    const [close] = nearMisses(key, [...commonKeys, ...Object.keys(owned), ...semanticKeys.keys()], 1);
    onWarning(
      `${where}: unknown entry ${briefJson(key)}: ${briefJson(value)}${close ? ` (did you mean "${close}"?)` : ''}; it is kept and has no effect`,
    );
  }
  if (unknown.length > bounds.warnings)
    onWarning(`${where}: ${unknown.length - bounds.warnings} more unknown entries; they are kept and have no effect`);
  checkModulesToSave(config['modules_to_save'], modules, where);
  const origin = ['base_model_name_or_path', 'revision'].filter((key) => config[key] != null);
  const { task_type: taskType } = config;
  if (taskType !== 'SEQ_CLS') origin.push(...baseClassKeys.filter((key) => Object.hasOwn(config, key)));
  return Object.fromEntries([...foreign, ...origin.map((key) => [key, config[key]!] as const)]);
}

/** What of the kept entries has no effect here: all but those that say which class the adapter is for. */
export const ignoredEntries = (extraConfig: JsonObject): string[] =>
  Object.keys(extraConfig).filter((key) => !(baseClassKeys as readonly string[]).includes(key));

/** Modules that HF's sequence classifiers keep beside their encoder. */
const headModules: readonly Json[] = ['classifier', 'pre_classifier', 'score'];

function checkModulesToSave(value: Json | undefined, isKnown: (entry: Json) => boolean, where: string): void {
  const modules = value == null ? [] : Array.isArray(value) ? (value as readonly Json[]) : [value];
  const other = modules.find((name) => !headModules.includes(name) && !isKnown(name));
  if (other === undefined) return;
  throw new PeftError('CONFIG_KEY_UNSUPPORTED', {
    found: `${where}: "modules_to_save" names ${briefJson(other)}`,
    expected: `${headModules.map((name) => `"${name}"`).join(', ')}, the heads of sequence classifiers, or a module of the encoder with tensors in the file`,
    fix: 'train the adapter again without other modules',
  });
}
