import type { Host, Readout } from '@tfjs-peft/peft-core';
import type { DemonstrationExample } from '@tfjs-peft/prompting';
import type { ClassifierHints, Tokenizer } from '@tfjs-peft/transformer';
import type { PromptConfig } from '../config/experiment-config.js';

/** A tokenizer that may make prompts of texts. */
export interface TextEncoder extends Tokenizer {
  /** `draw` chooses the demonstrations behind a prompt. */
  encode(
    text: string,
    options?: Parameters<Tokenizer['encode']>[1] & { readonly draw?: number },
  ): ReturnType<Tokenizer['encode']>;
  /** Over how many draws predictions are averaged; 1 if absent. */
  readonly draws?: number;
}

/** A host in memory, and what its files say. */
export interface OpenedHost {
  readonly host: Host;
  /** The folder that it was loaded from; absent if it was given. */
  readonly directory?: string;
  readonly tokenizer: TextEncoder;
  readonly readout: Readout;
  /** Where texts become prompts: the word of each label and its token, and the template. */
  readonly labelWords?: { readonly tokenIds: readonly number[] } & Pick<
    PromptConfig,
    'template' | 'words' | 'demonstrations'
  >;
  /** Where demonstrations stand behind prompts: the same words, with training texts to draw them from. */
  readonly withExamples?: (
    examples: readonly DemonstrationExample[],
  ) => Pick<OpenedHost, 'tokenizer'> & Required<Pick<OpenedHost, 'labelWords'>>;
  /** What the files of the host say about a classifier. */
  readonly classifier?: ClassifierHints;
}
