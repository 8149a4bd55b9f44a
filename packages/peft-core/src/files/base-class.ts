import { PeftError } from '../errors.js';
import type { HostSpec } from '../host-spec.js';
import type { JsonObject } from '../json/json.js';
import { briefJson } from '../json/brief-json.js';
import { isJsonObject } from '../json/parse-json-strict.js';

/**
 * What HF class an adapter was made around: it decides how tensors are called and which class HF peft opens. Kept in `extraConfig` under the
 * keys of adapter_config.json, since nothing else of an adapter depends on it.
 */
export const baseClassKeys = ['auto_mapping', 'task_type', 'bare_names'] as const;

/** Of these, what is ours and never in a file: see `withBareNames`. */
export const bareNamesKey = 'bare_names';

/** `BertModel`, `BertForTokenClassification`; undefined where the file does not say. */
export function baseClassOf({ auto_mapping: mapping }: JsonObject): string | undefined {
  const name = isJsonObject(mapping) ? mapping['base_model_class'] : undefined;
  return typeof name === 'string' ? name : undefined;
}

/** Classes of an encoder or a decoder alone: `BertModel`, `Qwen2Model`, and not `GPT2LMHeadModel`. */
const bareClass = /(?<!LMHead|DoubleHeads)Model$/;

/**
 * True for an adapter around the encoder alone (`BertModel`), whose paths do not begin with the name of the base model: by what
 * `withBareNames` found, else by the class.
 */
export function isBareEncoder(config: JsonObject): boolean {
  const { task_type: taskType, [bareNamesKey]: found } = config;
  if (typeof found === 'boolean') return found;
  return taskType === 'FEATURE_EXTRACTION' || (taskType == null && bareClass.test(baseClassOf(config) ?? ''));
}

/**
 * The configuration of a folder with what its tensors say of the class: whether their names begin with that of the base model, where its entries say
 * otherwise. Classes with a task of their own always have it.
 */
export function withBareNames(file: JsonObject, tensors: Iterable<string>, host: HostSpec): JsonObject {
  const config = Object.fromEntries(Object.entries(file).filter(([key]) => key !== bareNamesKey));
  const { task_type: taskType } = config;
  const found = taskType == null || taskType === 'FEATURE_EXTRACTION' ? areBare(tensors, host) : undefined;
  return found === undefined || found === isBareEncoder(config) ? config : { ...config, [bareNamesKey]: found };
}

/** Undefined if no name is that of a tensor of the encoder. */
function areBare(tensors: Iterable<string>, { baseModelPrefix, sites }: HostSpec): boolean | undefined {
  const firstOf = (name: string) => /^[^.]*/.exec(name)![0];
  const starts = new Set(sites.map(({ path }) => firstOf(path)));
  const found = [...tensors].map((name) => firstOf(name.replace(/^base_model\.(model\.)?/, '')));
  if (found.includes(baseModelPrefix)) return false;
  return found.some((start) => starts.has(start)) ? true : undefined;
}

const otherHead = /For(NextSentencePrediction|CausalLM|LMHead\w*|ConditionalGeneration|ImageClassification)$/;

/** Tasks whose adapters are read. */
const tasks = ['SEQ_CLS', 'FEATURE_EXTRACTION', 'TOKEN_CLS', 'QUESTION_ANS', 'CAUSAL_LM'] as const;

/** Classes that predict the next token. */
const causal = /For(CausalLM|LMHead\w*)$|LMHeadModel$/;

/** The task of a folder of HF peft; `host` is undefined where it is not known yet. Errors: `TASK_UNSUPPORTED` for adapters with other heads than those of classifiers and answerers. */
export function requireTask(
  config: JsonObject,
  host: Pick<HostSpec, 'languageModel'> | undefined,
  where: string,
): (typeof tasks)[number] | null {
  const { task_type: taskType } = config;
  const baseClass = baseClassOf(config);
  const mayPredict = host === undefined || host.languageModel !== undefined;
  const isCausal = mayPredict && causal.test(baseClass ?? '');
  if (taskType == null && baseClass !== undefined && otherHead.test(baseClass) && !isCausal)
    throw unsupported(`${where}: "auto_mapping" names the class ${briefJson(baseClass)}`);
  if (taskType == null) return null;
  const known = tasks.find((task) => task === taskType);
  if (known && (known !== 'CAUSAL_LM' || mayPredict)) return known;
  throw unsupported(`${where}: "task_type": ${briefJson(taskType)}`);
}

/** True for an adapter around a class that scores the choices of a question; HF peft has no task for them. */
export const isMultipleChoice = (config: JsonObject): boolean =>
  config['task_type'] == null && /ForMultipleChoice$/.test(baseClassOf(config) ?? '');

/** What HF's class for single tokens calls its head; undefined for an adapter of whole texts. */
export function tokenModuleOf(config: JsonObject): 'classifier' | 'qa_outputs' | undefined {
  const { task_type: taskType } = config;
  const baseClass = taskType == null ? (baseClassOf(config) ?? '') : '';
  if (taskType === 'TOKEN_CLS' || /ForTokenClassification$/.test(baseClass)) return 'classifier';
  return taskType === 'QUESTION_ANS' || /ForQuestionAnswering$/.test(baseClass) ? 'qa_outputs' : undefined;
}

const unsupported = (found: string) =>
  new PeftError('TASK_UNSUPPORTED', {
    found,
    expected: `${tasks.join(', ')} or null, and a class for one of them`,
    fix: 'load an adapter for the next token (CAUSAL_LM) on the decoder that it was trained for; other tasks are not read: open them in HF peft',
  });
