import { type Host, PeftError, type Readout } from '@tfjs-peft/peft-core';
import { createHost, type HostOptions } from '../model/create-host.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import type { OpenedModel } from './open-model.js';

/** How a loaded host differs from what its files say. */
export interface HostChoices extends Pick<HostOptions, 'dropout' | 'onIgnored'> {
  /** For messages, files and the readout of known families; by default the Hub name or the folder's. */
  readonly name?: string;
  /** The usual readout; by default what the files and the name say. */
  readonly readout?: Readout;
}

export interface LoadedHost {
  readonly host: Host;
  readonly tokenizer: Tokenizer;
}

/** Makes host and tokenizer and closes the model, whatever happens. Errors: `TOKENIZER_MISMATCH`, those of `createHost` and `createTokenizer`. */
export async function buildHost(model: OpenedModel, name: string, choices: HostChoices): Promise<LoadedHost> {
  try {
    const { config, tensors } = model;
    const tokenizer = await model.readTokenizer();
    const vocabulary = config.vocab_size;
    if (typeof vocabulary === 'number' && tokenizer.vocabSize > vocabulary)
      throw new PeftError('TOKENIZER_MISMATCH', {
        found: `tokenizer.json has ${tokenizer.vocabSize} tokens, config.json of ${model.location} ${vocabulary}`,
        expected: 'a tokenizer whose ids all have a word embedding',
        fix: 'get both files from the same model',
      });
    const { dropout, onIgnored, readout: defaultReadout = model.readout } = choices;
    return { tokenizer, host: await createHost({ config, tensors, name, defaultReadout, dropout, onIgnored }) };
  } finally {
    await model.close();
  }
}
