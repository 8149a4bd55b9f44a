import { headDefinition, loadAdapter, mergeAdapter, type MethodDescription } from '@tfjs-peft/peft-core';
import { minilmMlmFiles } from '@tfjs-peft/minilm-mlm';
import { labelWordHeadDefinition, labelWordIds, parseTemplate, renderPrompt, specialIds } from '@tfjs-peft/prompting';
import { createPromptedHost, loadMlmHead, requireEncoder } from '@tfjs-peft/transformer';
import type { PromptConfig } from '../config/experiment-config.js';
import { createCatalogue } from '../methods/plugins.js';
import { isAdapterFolder, readAdapterFolder } from '../run-folder/adapter-folder.js';
import type { OpenedHost } from './opened-host.js';

/**
 * The host with the head of a masked language model, whose tokenizer makes a prompt of every text. Takes over `opened`: its `dispose` frees all, also
 * after an error. Errors: `MLM_HEAD_MISSING`, those of templates and label words.
 */
export async function openPrompts<Opened extends Omit<OpenedHost, 'readout'>>(
  opened: Opened,
  { template: source, words, mlm }: PromptConfig,
): Promise<Opened & Required<Pick<OpenedHost, 'labelWords'>>> {
  const { tokenizer, directory } = opened;
  const owned: { dispose(): void }[] = [opened.host];
  const dispose = () => owned.toReversed().forEach((each) => each.dispose());
  try {
    const template = parseTemplate(source);
    const tokenIds = labelWordIds(tokenizer, words);
    let base = requireEncoder(opened.host);
    // The embedded host is no masked language model by itself; a checkpoint of one holds its own head.
    const folder =
      mlm ??
      (base.spec.name === minilmMlmFiles().host || directory === undefined ? minilmMlmFiles().directory : directory);
    if (await isAdapterFolder(folder)) {
      const { registry } = createCatalogue();
      const adapter = await loadAdapter(await readAdapterFolder(folder), base, registry, { labelsOfBase: [] });
      const merged = await mergeAdapter(base, adapter);
      adapter.effective.forEach((tensor) => tensor.dispose());
      base = requireEncoder(merged.host);
      owned.push(base);
    }
    const mlmHead = await loadMlmHead(base, folder);
    owned.push(mlmHead);
    return {
      ...opened,
      host: { ...createPromptedHost(base, { mlmHead, maskTokenId: specialIds(tokenizer).mask }), dispose },
      labelWords: { tokenIds, template: source, words },
      tokenizer: {
        ...tokenizer,
        encode(text, { pair, maxTokens = tokenizer.modelMaxTokens } = {}) {
          return renderPrompt({ template, tokenizer, texts: pair === undefined ? [text] : [text, pair], maxTokens });
        },
      },
    };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** What makes prompts of an opened host's texts. */
export type LabelWords = NonNullable<OpenedHost['labelWords']>;

/** The same method with the head that starts as the label words in the place of every head: any preset on prompts. */
export const onPrompts = (
  method: MethodDescription,
  labels: readonly string[],
  words: LabelWords,
): MethodDescription =>
  method.type === headDefinition.type
    ? { type: labelWordHeadDefinition.type, config: labelWordConfig(labels, words) }
    : { ...method, ...(method.parts && { parts: method.parts.map((part) => onPrompts(part, labels, words)) }) };

/** The settings of the head that starts as the label words. */
export const labelWordConfig = (labels: readonly string[], { tokenIds, template, words }: LabelWords) => ({
  labels: [...labels],
  tokenIds: [...tokenIds],
  prompt: { template, words: [...words] },
});
