import { PeftError } from '../errors.js';
import { type HeadConfig, resolveReadout } from '../head.js';
import type { HostSpec } from '../host.js';
import type { PeftMethod } from '../method.js';
import type { NamedArray, NamedArrays } from '../parameters.js';

/** Where HF peft puts a head: below the base model of an injected method, of prompt learning, or (other writers) at the top. */
const prefixes = ['base_model.model.', 'base_model.', ''];
const otherHeads = /(^|\.)(classifier\.(dense|out_proj|linear_hidden|linear_out)|pre_classifier|score)\./;

export interface StoredHead {
  readonly weight: NamedArray;
  readonly bias: NamedArray;
}

/** Names of a head's effective parameters. */
export const headNames = ({ config }: PeftMethod<HeadConfig>) => ({
  weight: `${config.name}.classifier.weight`,
  bias: `${config.name}.classifier.bias`,
});

export const encodeHead = (head: PeftMethod<HeadConfig>, effective: NamedArrays, prefix: string): NamedArrays => {
  const { weight, bias } = headNames(head);
  return new Map([
    [`${prefix}classifier.weight`, effective.get(weight)!],
    [`${prefix}classifier.bias`, effective.get(bias)!],
  ]);
};

/** Parts the head's tensors from those of the method. Errors: `TENSOR_MISSING` for half a head, `HEAD_UNSUPPORTED` for other architectures. */
export function takeHead(
  tensors: NamedArrays,
  where: string,
): { readonly head?: StoredHead; readonly rest: NamedArrays } {
  const other = [...tensors.keys()].find((name) => otherHeads.test(name));
  if (other !== undefined)
    throw new PeftError('HEAD_UNSUPPORTED', {
      found: `${where}: "${other}", part of a head with more than one layer or of a decoder`,
      expected: 'a head of one linear map, classifier.weight and classifier.bias, as BERT has',
      fix: 'only adapters for BERT classifiers can be loaded with their head',
    });
  const prefix = prefixes.find(
    (start) => tensors.has(`${start}classifier.weight`) || tensors.has(`${start}classifier.bias`),
  );
  if (prefix === undefined) return { rest: tensors };
  const names = { weight: `${prefix}classifier.weight`, bias: `${prefix}classifier.bias` };
  const [weight, bias] = [tensors.get(names.weight), tensors.get(names.bias)];
  if (!weight || !bias)
    throw new PeftError('TENSOR_MISSING', {
      found: `${where}: half a head, without "${weight ? names.bias : names.weight}"`,
      expected: `both "${names.weight}" and "${names.bias}"`,
      fix: 'save the adapter again from the library that wrote it',
    });
  const rest = new Map([...tensors].filter(([name]) => name !== names.weight && name !== names.bias));
  return { head: { weight, bias }, rest };
}

/** Why HF's sequence classifier would compute other logits from this head; undefined if it computes the same. */
export function headDifference(head: PeftMethod<HeadConfig> | undefined, host: HostSpec): string | undefined {
  if (!head) return 'there is no head: HF peft wants the tensors of one for SEQ_CLS';
  if (host.modelType !== 'bert')
    return `HF's sequence classifier for "${host.modelType}" is not one linear map on the readout, this head is`;
  const readout = resolveReadout(head.config, host);
  return readout === 'pooler'
    ? undefined
    : `HF's BertForSequenceClassification reads the pooler, this head reads "${readout}"`;
}

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
