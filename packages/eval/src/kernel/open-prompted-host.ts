import { loadAdapter, mergeAdapter, type MethodDescription, PeftError } from '@tfjs-peft/peft-core';
import {
  labelWordIds,
  parseTemplate,
  renderPrompt,
  specialIds,
  type TaskPrompt,
  taskPrompts,
} from '@tfjs-peft/prompting';
import {
  createPromptedHost,
  type EncoderHost,
  loadMlmHead,
  requireEncoder,
  type Tokenizer,
} from '@tfjs-peft/transformer';
import type { ModelConfig } from '../config/experiment-config.js';
import type { Catalogue } from '../methods/plugins.js';
import { readAdapterFolder } from '../run-folder/adapter-folder.js';
import { openHost } from '../trial/open-host.js';

/** Which host, and what makes prompts of its texts. */
export interface PromptedHostSettings {
  readonly model: ModelConfig;
  /** Folder with the head of a masked language model (`mlm_head.safetensors`, or a whole checkpoint). */
  readonly mlm: string;
  /** Whether `mlm` also holds an adapter that makes the host a masked language model: it is merged first. */
  readonly adapter?: boolean;
  readonly prompt: TaskPrompt;
  readonly catalogue: Catalogue;
}

/** A host and a tokenizer for `openSession`: every text it encodes becomes a prompt. */
export interface OpenedPromptedHost {
  readonly host: EncoderHost;
  readonly tokenizer: Tokenizer;
  /** The token of each label's word. */
  readonly tokenIds: readonly number[];
  /** Frees what the host is made of; `host.dispose` frees nothing. */
  dispose(): void;
}

/** The template and words of a task. Errors: `PROMPT_UNKNOWN`. */
export function promptOfTask(task: string): TaskPrompt {
  const prompt = Object.hasOwn(taskPrompts, task) ? taskPrompts[task] : undefined;
  if (prompt) return prompt;
  throw new PeftError('PROMPT_UNKNOWN', {
    found: `no template for task "${task}"`,
    expected: `one of ${Object.keys(taskPrompts).join(', ')}, or a template and words of your own`,
    fix: 'give `--template` and `--words`',
  });
}

/**
 * Opens a host with the head of a masked language model and prompts for its texts. Errors: those of `openHost`, `loadMlmHead` (`MLM_HEAD_MISSING`), of
 * templates and label words.
 */
export async function openPromptedHost({
  model,
  mlm,
  adapter = false,
  prompt,
  catalogue,
}: PromptedHostSettings): Promise<OpenedPromptedHost> {
  const template = parseTemplate(prompt.template);
  const opened = await openHost(model);
  const owned: { dispose(): void }[] = [opened.host];
  const dispose = () => owned.reverse().forEach((each) => each.dispose());
  try {
    const { tokenizer } = opened;
    const tokenIds = labelWordIds(tokenizer, prompt.words);
    let base = requireEncoder(opened.host);
    if (adapter) {
      const loaded = await loadAdapter(await readAdapterFolder(mlm), base, catalogue.registry, { labelsOfBase: [] });
      const merged = await mergeAdapter(base, loaded);
      loaded.effective.forEach((tensor) => tensor.dispose());
      base = requireEncoder(merged.host);
      owned.push(base);
    }
    const mlmHead = await loadMlmHead(base, mlm);
    owned.push(mlmHead);
    const host = createPromptedHost(base, { mlmHead, maskTokenId: specialIds(tokenizer).mask });
    return {
      host,
      tokenIds,
      tokenizer: {
        ...tokenizer,
        encode(text, { pair, maxTokens = tokenizer.modelMaxTokens } = {}) {
          return renderPrompt({ template, tokenizer, texts: pair === undefined ? [text] : [text, pair], maxTokens });
        },
      },
      dispose,
    };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** The same method with the head that starts as the label words in the place of every head: any preset on prompts. */
export const onPrompts = (
  method: MethodDescription,
  labels: readonly string[],
  tokenIds: readonly number[],
): MethodDescription =>
  method.type === 'HEAD'
    ? { type: 'LABEL_WORD_HEAD', config: { labels: [...labels], tokenIds: [...tokenIds] } }
    : { ...method, ...(method.parts && { parts: method.parts.map((part) => onPrompts(part, labels, tokenIds)) }) };
