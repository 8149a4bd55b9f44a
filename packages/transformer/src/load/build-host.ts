import { PeftError, type Readout } from '@tfjs-peft/peft-core';
import { type EncoderConfig, parseHostConfig } from '../architecture/encoder-config.js';
import { familyOf } from '../architecture/families.js';
import { createHost, type EncoderHost, type HostOptions } from '../model/create-host.js';
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
  readonly host: EncoderHost;
  readonly tokenizer: Tokenizer;
}

/** Makes host and tokenizer and closes the model, whatever happens. Errors: `TOKENIZER_MISMATCH`, those of `createHost` and `createTokenizer`. */
export async function buildHost(model: OpenedModel, name: string, choices: HostChoices): Promise<LoadedHost> {
  try {
    const { config, tensors } = model;
    const tokenizer = await model.readTokenizer();
    requireTokenizer(tokenizer, parseHostConfig(config, name), model.location);
    const { dropout, onIgnored, readout: defaultReadout = model.readout } = choices;
    return { tokenizer, host: await createHost({ config, tensors, name, defaultReadout, dropout, onIgnored }) };
  } finally {
    await model.close();
  }
}

function requireTokenizer({ vocabSize, padTokenId }: Tokenizer, config: EncoderConfig, location: string): void {
  const mismatch = (found: string, expected: string) =>
    new PeftError('TOKENIZER_MISMATCH', { found, expected, fix: 'get both files from the same model' });
  if (vocabSize > config.vocabSize)
    throw mismatch(
      `tokenizer.json has ${vocabSize} tokens, config.json of ${location} ${config.vocabSize}`,
      'a tokenizer whose ids all have a word embedding',
    );
  if (padTokenId !== config.padTokenId && familyOf(config.modelType).positions.readsPadding)
    throw mismatch(
      `the tokenizer pads with ${padTokenId}, config.json of ${location} has pad_token_id ${config.padTokenId}`,
      'one id: position ids of this architecture count the tokens that are not padding',
    );
}
