import {
  disposeParameters,
  type HeadConfig,
  headDefinition,
  loadAdapter,
  mergeAdapter,
  type MethodDescription,
  PeftError,
} from '@tfjs-peft/peft-core';
import { minilmMlmFiles } from '@tfjs-peft/minilm-mlm';
import {
  createDemonstrator,
  type Demonstrations,
  labelWordHeadDefinition,
  labelWordIds,
  parseTemplate,
  renderPrompt,
  specialIds,
} from '@tfjs-peft/prompting';
import { createPromptedHost, loadMlmHead, requireEncoder } from '@tfjs-peft/transformer';
import type { PromptConfig } from '../config/experiment-config.js';
import { createCatalogue } from '../methods/plugins.js';
import { isAdapterFolder, readAdapterFolder } from '../run-folder/adapter-folder.js';
import type { OpenedHost, TextEncoder } from './opened-host.js';

/**
 * The host with the head of a masked language model, whose tokenizer makes a prompt of every text. Takes over `opened`: its `dispose` frees all, also
 * after an error. Errors: `MLM_HEAD_MISSING`, those of templates and label words.
 */
export async function openPrompts<Opened extends Omit<OpenedHost, 'readout'>>(
  opened: Opened,
  { template: source, words, mlm, demonstrations }: PromptConfig,
): Promise<Opened & Required<Pick<OpenedHost, 'labelWords'>> & Pick<OpenedHost, 'withExamples'>> {
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
      const merged = await mergeAdapter(base, adapter).finally(() => disposeParameters(adapter.effective));
      base = requireEncoder(merged.host);
      owned.push(base);
    }
    const mlmHead = await loadMlmHead(base, folder);
    owned.push(mlmHead);
    const promptsWith = (shown: Demonstrations | undefined) => {
      const demonstrator = shown?.examples && createDemonstrator(tokenizer, words, shown);
      return {
        labelWords: { tokenIds, template: source, words, ...(shown && { demonstrations: shown }) },
        tokenizer: {
          ...tokenizer,
          ...(shown && { draws: shown.draws }),
          encode(text, { pair, maxTokens = tokenizer.modelMaxTokens, draw = 0 } = {}) {
            const texts = pair === undefined ? [text] : [text, pair];
            const behind = demonstrator && { demonstrations: demonstrator(texts, draw) };
            return renderPrompt({ template, tokenizer, texts, maxTokens, ...behind });
          },
        } satisfies TextEncoder,
      };
    };
    return {
      ...opened,
      ...promptsWith(demonstrations),
      host: { ...createPromptedHost(base, { mlmHead, maskTokenId: specialIds(tokenizer).mask }), dispose },
      ...(demonstrations &&
        !demonstrations.examples && {
          withExamples: (examples) => promptsWith({ ...demonstrations, examples: [...examples] }),
        }),
    };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** What makes prompts of an opened host's texts. */
export type LabelWords = NonNullable<OpenedHost['labelWords']>;

/**
 * The same method with the head that starts as the label words in the place of every head: any preset on prompts. It keeps dropout and name of the head.
 * Errors: `HEAD_UNSUPPORTED` for one with layers of its own, or that reads something else than the mask.
 */
export function onPrompts(method: MethodDescription, labels: readonly string[], words: LabelWords): MethodDescription {
  if (method.type !== headDefinition.type)
    return { ...method, ...(method.parts && { parts: method.parts.map((part) => onPrompts(part, labels, words)) }) };
  const { hidden, readout, dropout, name } = method.config as Partial<HeadConfig>;
  const other = [
    ...(hidden !== undefined && hidden !== 'none' ? [`hidden "${hidden}"`] : []),
    ...(readout != null && readout !== 'mask' ? [`readout "${readout}"`] : []),
  ];
  if (other.length > 0)
    throw new PeftError('HEAD_UNSUPPORTED', {
      found: `a head with ${other.join(' and ')} on prompts`,
      expected: 'the label words at the mask, which are its first values',
      fix: 'leave these settings out, or take the task without prompts',
    });
  const own = { ...(dropout !== undefined && { dropout }), ...(name !== undefined && { name }) };
  return { type: labelWordHeadDefinition.type, config: { ...labelWordConfig(labels, words), ...own } };
}

/** The settings of the head that starts as the label words. */
export const labelWordConfig = (
  labels: readonly string[],
  { tokenIds, template, words, demonstrations }: LabelWords,
) => ({
  labels: [...labels],
  tokenIds: [...tokenIds],
  prompt: { template, words: [...words], ...(demonstrations && { demonstrations }) },
});
