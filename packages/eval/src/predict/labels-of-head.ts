import { PeftError, type PeftMethod } from '@tfjs-peft/peft-core';
import { headsOf } from '@tfjs-peft/peft-core/authoring';

/** The answers of an adapter, in the order of its logits. Errors: `HEAD_MISSING`, with `what` as the adapter's name. */
export function labelsOfHead(method: PeftMethod, what: string): readonly string[] {
  const [head] = headsOf(method);
  if (head) return head.head.labels;
  throw new PeftError('HEAD_MISSING', {
    found: `${what} has no head`,
    expected: 'a method with a HEAD, which turns hidden states into labels',
    fix: 'train and save it together with a head: compose(method, head({ labels }))',
  });
}
