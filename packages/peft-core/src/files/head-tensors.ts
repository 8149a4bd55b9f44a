import { PeftError } from '../errors.js';
import { type HeadMethod, resolveReadout } from '../head.js';
import type { ClassifierLayout, HostSpec } from '../host-spec.js';
import type { HeadLayout } from '../method.js';
import type { NamedArray, NamedArrays } from '../parameters.js';

/** Where HF peft puts a head: below the base model of an injected method, of prompt learning, or (other writers) at the top. */
const prefixes = ['base_model.model.', 'base_model.', ''];
const anyHead = /^(base_model\.(model\.)?)?(classifier|pre_classifier|score|qa_outputs)\./;

/** The name of a head's parameter in a file, without prefix, by its name in the method. */
const storedNames = ({ names, hidden, normalised }: HeadLayout, layout: ClassifierLayout): Map<string, string> => {
  const dense = layout.hidden?.path ?? 'classifier.dense';
  const stored = new Map([
    [names.weight, `${layout.output}.weight`],
    [names.bias, `${layout.output}.bias`],
  ]);
  if (hidden === 'none') return stored;
  stored.set(names.hiddenWeight, `${dense}.weight`);
  if (normalised) stored.set(names.hiddenNorm, `${layout.hidden?.norm ?? 'classifier.norm'}.weight`);
  else stored.set(names.hiddenBias, `${dense}.bias`);
  return stored;
};

export const encodeHead = (head: HeadMethod, effective: NamedArrays, prefix: string, host: HostSpec): NamedArrays =>
  new Map(
    [...storedNames(head.head, host.classifier)].map(([name, stored]) => [prefix + stored, effective.get(name)!]),
  );

/** Whether a head adds something to its logits for which HF's classifier of a host has no place. */
export const hasForeignBias = ({ head }: HeadMethod, effective: NamedArrays, { classifier }: HostSpec): boolean =>
  classifier.bias === false && (effective.get(head.names.bias)?.data.some((value) => value !== 0) ?? false);

/** Names of all tensors of the head that HF's sequence classifier of a host has, without prefix; the bias where it has none, to be read if it is there. */
export const hfHeadNames = ({ classifier }: Pick<HostSpec, 'classifier'>): string[] =>
  [classifier.output, classifier.hidden?.path, classifier.hidden?.norm].flatMap((module) => {
    if (module === undefined) return [];
    const isUnbiased = module !== classifier.output && classifier.hidden?.norm !== undefined;
    return [`${module}.weight`, ...(isUnbiased ? [] : [`${module}.bias`])];
  });

/** The configuration of the head that HF's sequence classifier of a host has. */
export const hfHeadConfig = ({ classifier }: HostSpec, labels: readonly string[]) => ({
  labels: [...labels],
  readout: classifier.readout,
  hidden: classifier.hidden?.activation ?? ('none' as const),
  ...(classifier.hidden?.norm !== undefined && { normalised: true as const }),
});

/**
 * Parts the head's tensors from those of the method; the result is by the names without prefix.
 * Errors: `HEAD_UNSUPPORTED` for a head of another architecture.
 */
export function takeHead(
  tensors: NamedArrays,
  host: HostSpec,
  where: string,
): { readonly head?: NamedArrays; readonly rest: NamedArrays } {
  const known = new Set(hfHeadNames(host));
  const head = new Map<string, NamedArray>();
  const rest = new Map<string, NamedArray>();
  for (const [name, array] of tensors) {
    const prefix = prefixes.find((start) => name.startsWith(start))!;
    const plain = name.slice(prefix.length);
    if (known.has(plain)) head.set(plain, array);
    else if (anyHead.test(name)) throw otherHead(name, host, where);
    else rest.set(name, array);
  }
  return head.size > 0 ? { head, rest } : { rest };
}

/**
 * HF peft adapts layers of the head that are not saved whole, where the targets mean them ("all-linear", "dense"): the pooler of DeBERTa, the head of
 * ModernBERT. Errors: `TARGET_UNSUPPORTED`.
 */
export function refuseMethodAtHead(tensors: NamedArrays, host: HostSpec, where: string): void {
  const { hidden } = host.classifier;
  if (!hidden || /^(classifier|pre_classifier|score)(\.|$)/.test(hidden.path)) return;
  const own = ['weight', 'bias', 'base_layer', 'modules_to_save', 'original_module'];
  const name = [...tensors.keys()].find((stored) => {
    const prefix = prefixes.find((start) => stored.startsWith(start))!;
    const [, part] = stored.slice(prefix.length).split(`${hidden.path}.`);
    return stored.startsWith(`${prefix}${hidden.path}.`) && !own.includes(part!.split('.')[0]!);
  });
  if (name === undefined) return;
  throw new PeftError('TARGET_UNSUPPORTED', {
    found: `${where}: "${name}": the adapter changes "${hidden.path}", a layer of the head of HF's classifier`,
    expected: 'modules of the encoder: the head is trained and stored whole',
    fix: 'merge it in HF peft, head included: PeftModel.from_pretrained(base, folder).merge_and_unload().save_pretrained(output), and open output as the model; or train it again with "exclude_modules" for that layer and "modules_to_save" of it',
  });
}

/** A head of which a file holds a part, with the rest from the model's own: HF peft saves what was trained (`out_proj` alone). */
export function completeHead(stored: NamedArrays, own: NamedArrays | undefined, host: HostSpec): NamedArrays {
  const names = hfHeadNames(host).filter((name) => !stored.has(name) && own?.has(name));
  return new Map([...stored, ...names.map((name) => [name, own!.get(name)!] as const)]);
}

/** The head's effective parameters from what {@link takeHead} found. Errors: `TENSOR_MISSING` for a part of a head. */
export function decodeHead(
  head: HeadMethod,
  stored: NamedArrays,
  host: HostSpec,
  where: string,
): Map<string, NamedArray> {
  const names = storedNames(head.head, host.classifier);
  return new Map(
    [...names].map(([name, storedName]) => {
      const array = stored.get(storedName);
      if (array) return [name, array];
      if (name === head.head.names.bias && host.classifier.bias === false) return [name, noBias(head.head)];
      throw new PeftError('TENSOR_MISSING', {
        found: `${where}: a part of a head, without "${storedName}"`,
        expected: `all of ${[...names.values()].join(', ')}`,
        fix: 'HF peft keeps of a head what it trained: open the model that the adapter was trained on, whose files hold the rest, or save it again with all of it in modules_to_save',
      });
    }),
  );
}

const noBias = ({ labels }: HeadLayout): NamedArray => ({
  shape: [labels.length],
  data: new Float32Array(labels.length),
});

const otherHead = (name: string, host: HostSpec, where: string) =>
  new PeftError('HEAD_UNSUPPORTED', {
    found: `${where}: "${name}", which HF's classifier of host "${host.name}" does not have`,
    expected: `a head of ${hfHeadNames(host).join(', ')}`,
    fix: 'load the adapter on a host of the architecture that it was trained for',
  });

/** Why HF's sequence classifier would compute other logits from this head; undefined if it computes the same. */
export function headDifference(head: HeadMethod | undefined, host: HostSpec): string | undefined {
  if (!head) return 'there is no head: HF peft wants the tensors of one for SEQ_CLS';
  const { classifier } = host;
  const expected = classifier.hidden?.activation ?? 'none';
  const isNormalised = classifier.hidden?.norm !== undefined;
  if ((head.head.normalised ?? false) !== isNormalised)
    return `HF's sequence classifier for "${host.modelType}" has ${isNormalised ? 'a' : 'no'} LayerNorm before the labels, this head has ${isNormalised ? 'none' : 'one'}`;
  if (head.head.hidden !== expected)
    return `HF's sequence classifier for "${host.modelType}" has ${described(expected)}, this head has ${described(head.head.hidden)}`;
  const readout = resolveReadout(head.head, host);
  return readout === classifier.readout
    ? undefined
    : `HF's sequence classifier for "${host.modelType}" reads the ${classifier.readout}, this head reads "${readout}"`;
}

const described = (hidden: HeadLayout['hidden']) =>
  hidden === 'none' ? 'no dense layer' : `a dense layer with ${hidden}`;

/** A defect of published files, worth a sentence of its own. */
export const lostHeadDefect =
  'peft 0.15.0 to 0.16.0 did not save the head of prompt-learning classifiers (huggingface/peft#2646); no later version can recover it';

/** Errors: always `HEAD_MISSING`. */
export function headMissing(where: string, promptLearning: boolean, writtenBy: string | undefined): PeftError {
  return new PeftError('HEAD_MISSING', {
    found: `${where}: no tensors of a head, though the task is SEQ_CLS${promptLearning && !writtenBy ? `; ${lostHeadDefect}` : ''}`,
    expected:
      'base_model.classifier.weight and .bias (prompt learning) or base_model.model.classifier.* (injected methods)',
    fix: 'train and save the adapter again with peft 0.17 or later',
  });
}
