import type { Host, Readout } from '@tfjs-peft/peft-core';
import type { ClassifierHints, Tokenizer } from '@tfjs-peft/transformer';
import type { PromptConfig } from '../config/experiment-config.js';

/** A host in memory, and what its files say. */
export interface OpenedHost {
  readonly host: Host;
  /** The folder that it was loaded from; absent if it was given. */
  readonly directory?: string;
  readonly tokenizer: Tokenizer;
  readonly readout: Readout;
  /** Where texts become prompts: the word of each label and its token, and the template. */
  readonly labelWords?: { readonly tokenIds: readonly number[] } & Pick<PromptConfig, 'template' | 'words'>;
  /** What the files of the host say about a classifier. */
  readonly classifier?: ClassifierHints;
}
