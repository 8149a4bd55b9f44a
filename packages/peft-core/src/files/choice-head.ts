import * as tf from '@tensorflow/tfjs';
import { type Adapter, runAdapter } from '../adapter.js';
import { PeftError } from '../errors.js';
import { headsOf } from '../head.js';
import type { Host, HostInputs } from '../host.js';
import { type HostSpec, sitesOfKind } from '../host-spec.js';

/**
 * The host with the head of HF's class for multiple choice in place of that for whole texts: the same layers on most architectures, the pooler of
 * the encoder where the other class has layers of its own (RoBERTa, MPNet). Errors: `TASK_UNSUPPORTED` where it has others, or no pooler.
 */
export function forChoices(host: HostSpec, where: string): HostSpec {
  const { hidden } = host.classifier;
  if (!hidden || !hidden.path.startsWith('classifier.')) return host;
  if (sitesOfKind(host, 'linear').some(({ role }) => role === 'pooler'))
    return { ...host, classifier: { output: 'classifier', readout: 'pooler' } };
  throw new PeftError('TASK_UNSUPPORTED', {
    found: `${where}: an adapter for multiple choice on "${host.modelType}", and host "${host.name}" has no pooler`,
    expected: 'a host with the pooler that its head reads',
    fix: 'open the model that the adapter was trained on, whose files hold it; on ELECTRA use HF peft',
  });
}

/**
 * Logits of questions, `[questions, choices]`: the rows of the inputs are the choices of the first question, then those of the second, and so on, as HF
 * flattens them. The caller disposes them. Errors: `HEAD_MISSING` for an adapter without a head for choices, `CHOICES_UNEVEN`.
 */
export function choiceLogits(host: Host, adapter: Adapter, inputs: HostInputs, choices: number): tf.Tensor2D {
  if (!headsOf(adapter.method).some(({ head }) => head.choices))
    throw new PeftError('HEAD_MISSING', {
      found: 'an adapter without a head for the choices of a question',
      expected: 'one that was trained around a class for multiple choice',
      fix: 'use runAdapter for logits of whole texts',
    });
  const [rows = 0] = inputs.inputIds.shape;
  if (!Number.isInteger(choices) || choices < 1 || rows % choices !== 0)
    throw new PeftError('CHOICES_UNEVEN', {
      found: `${rows} texts and ${choices} choices a question`,
      expected: 'as many texts for every question',
      fix: 'pass all choices of all questions, padded to one length',
    });
  return tf.tidy(() => runAdapter(host, adapter, inputs).logits!.reshape([rows / choices, choices]) as tf.Tensor2D);
}
