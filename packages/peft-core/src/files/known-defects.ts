import type { Json, JsonObject } from '../json/json.js';
import { type AdapterFiles, pickleNames } from './adapter-files.js';
import { briefJson } from '../json/brief-json.js';
import { lostHeadDefect } from './head-tensors.js';
import { partsOfAdapterHub } from './adapter-hub-config.js';
import { isHeadName } from './summarise-tensors.js';

/** Which versions of HF peft can have written a folder, by what it says and by what it looks like. */
export interface WriterVersion {
  /** Where the configuration says so; later than 0.17. */
  readonly version?: string;
  readonly atLeast?: string;
  readonly below?: string;
  /** Each a sentence. */
  readonly clues: readonly string[];
}

const promptLearning: readonly unknown[] = ['PREFIX_TUNING', 'PROMPT_TUNING', 'P_TUNING'];
const isEarlyBias = (name: string) => /(?<!\.base_layer|\.lora_B)\.bias$/.test(name) && /\.layer\.\d+\./.test(name);

/** From the table of versions in docs/files.md; HF peft 0.18 is the first that writes its version. */
export function guessVersion(config: JsonObject, names: readonly string[], files: AdapterFiles): WriterVersion {
  const { peft_version: version } = config;
  if (typeof version === 'string') return { version, clues: [`"peft_version" says ${version}`] };
  if (hasEarlyBiases(config, names))
    return { below: '0.7.0', clues: ['biases of targets have no "base_layer" in their names'] };
  if (files.has('adapter_model.bin') && !files.has('adapter_model.safetensors'))
    return { below: '0.18.0', clues: ['no "peft_version"', 'a pickle, the default before 0.7.0'] };
  if (lacksHead(config, names) && promptLearning.includes(config['peft_type']))
    return {
      atLeast: '0.15.0',
      below: '0.17.0',
      clues: ['no "peft_version"', 'prompt learning of a classifier without its head'],
    };
  return { below: '0.18.0', clues: ['no "peft_version", which 0.18.0 was the first to write'] };
}

const initsThatChangeTheBase = ['pissa', 'olora', 'corda', 'lora_ga', 'loftq'];

/** Likely defects of a folder of HF peft, each a sentence. */
export function knownDefects(config: JsonObject, names: readonly string[], ours: boolean): string[] {
  const { peft_type: type, init_lora_weights: init, peft_version: version } = config;
  const defects: string[] = [];
  if (!ours && lacksHead(config, names))
    defects.push(
      `no tensors of a head, though the task is SEQ_CLS${promptLearning.includes(type) ? `; ${lostHeadDefect}` : ''}`,
    );
  if (names.some((name) => /\.modules_to_save\./.test(name)))
    defects.push('tensor names with the segment "modules_to_save", which no version of peft loads; they are read here');
  if (hasEarlyBiases(config, names))
    defects.push(
      'bias names without "base_layer", as peft before 0.7 wrote them: later versions drop these biases silently; they are read here',
    );
  if (typeof init === 'string' && initsThatChangeTheBase.some((kind) => init.startsWith(kind)))
    defects.push(`init_lora_weights "${init}" changes the weights of the base model when it is loaded`);
  if (type === 'OFT' && typeof version !== 'string')
    defects.push('peft 0.15.2 and earlier wrote OFT files that later versions refuse');
  return defects;
}

export const pickleDefects = (files: AdapterFiles): string[] =>
  pickleNames(files).map((name) => `${name} is a Python pickle, which is never read`);

/** The same for AdapterHub. */
export function hubDefects(file: JsonObject): string[] {
  const parts = partsOfAdapterHub(file);
  const [first] = parts;
  const faulty =
    parts.length === 1 &&
    first!['architecture'] === 'lora' &&
    first!['r'] !== first!['alpha'] &&
    beforeScalingFix(file['version']);
  return [
    ...(faulty
      ? [
          `a LoRA of ${typeof file['version'] === 'string' ? file['version'].slice(0, 40) : 'an unknown version'}, which scaled by one whatever alpha was (adapter-hub/adapters#770): alpha ${briefJson(first!['alpha'])} counts as r ${briefJson(first!['r'])}`,
        ]
      : []),
    ...(parts.some(({ use_gating: gated }) => gated === true) ? ['gates, which most methods here do not have'] : []),
    ...(file['model_type'] === 'distilbert' && parts.some(({ architecture }) => architecture === 'prefix_tuning')
      ? [
          'a prefix of DistilBERT, whose scores AdapterHub raises by one in batches with padding, unless attention is "eager" there: outputs can differ',
        ]
      : []),
  ];
}

/** `adapters.` before 1.1.0. */
function beforeScalingFix(version: Json | undefined): boolean {
  const found = typeof version === 'string' ? /^adapters\.(\d+)\.(\d+)/.exec(version) : null;
  return found !== null && (Number(found[1]) < 1 || (Number(found[1]) === 1 && Number(found[2]) < 1));
}

const lacksHead = (config: JsonObject, names: readonly string[]) =>
  config['task_type'] === 'SEQ_CLS' && !names.some((name) => isHeadName(name));
const hasEarlyBiases = (config: JsonObject, names: readonly string[]) =>
  config['peft_type'] === 'LORA' && config['bias'] !== 'all' && names.some(isEarlyBias);
