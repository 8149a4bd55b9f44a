import { type HostSpec, PeftError, type PeftMethod, tokenHeadOf } from '@tfjs-peft/peft-core';
import { headsOf } from '@tfjs-peft/peft-core/authoring';

/** The answers of an adapter, in the order of its logits. Errors: `HEAD_MISSING`, `TASK_UNSUPPORTED`, with `what` as the adapter's name. */
export function labelsOfHead(
  method: PeftMethod,
  what: string,
  { languageModel }: Pick<HostSpec, 'languageModel'> = {},
): readonly string[] {
  const [head] = headsOf(method);
  if (head?.head.choices)
    throw new PeftError('TASK_UNSUPPORTED', {
      found: `${what} scores the choices of a question`,
      expected: 'an adapter that answers once a text',
      fix: 'compute them with loadAdapter and choiceLogits of @tfjs-peft/peft-core',
    });
  if (head) return head.head.labels;
  if (tokenHeadOf(method))
    throw new PeftError('TASK_UNSUPPORTED', {
      found: `${what} gives logits for every token`,
      expected: 'an adapter that answers once a text',
      fix: 'compute them with loadAdapter and tokenLogits of @tfjs-peft/peft-core',
    });
  if (languageModel)
    throw new PeftError('HEAD_MISSING', {
      found: `${what} has no head: it predicts the next token`,
      expected: 'an adapter that classifies texts',
      fix: 'continue texts with it (tfjs-peft generate), or test it on a task of texts (tfjs-peft eval --task)',
    });
  throw new PeftError('HEAD_MISSING', {
    found: `${what} has no head`,
    expected: 'a method with a HEAD, which turns hidden states into labels',
    fix: 'train and save it together with a head: compose(method, head({ labels }))',
  });
}
