import { type Host, readParameters } from '@tfjs-peft/peft-core';
import { floatsOf, type Preparation } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { chooseWords } from './choose-words.js';
import type { PrefixConfig } from './config.js';
import { fitMlp } from './fit-mlp.js';
import { prefixSites } from './prefix-sites.js';
import { readKeysAndValues } from './read-keys-and-values.js';
import { splitRows } from './split-rows.js';

/** First values of all raw parameters, known for one host. */
export interface PreparedStart {
  /** Fingerprint of the host whose keys and values they are. */
  readonly fingerprint: string;
  readonly values: ReadonlyMap<string, Float32Array>;
}

/**
 * The start from the host's own keys and values of real words (Li and Liang 2021, section 7.4): a flat prefix is them, an MLP is fitted to
 * them. Errors: `WORDS_TOO_FEW`, `PREFIX_TOO_LONG`, `SITE_MISSING`, `INITIALISATION_DIVERGED`.
 */
export async function prepareStart(
  config: PrefixConfig,
  host: Host,
  { batches, stream, vertex }: Preparation,
): Promise<PreparedStart> {
  const { fingerprint } = host.spec;
  const words = await chooseWords(batches, config.prefixLength, vertex, host.spec.padTokenId);
  const rows = readKeysAndValues(host, prefixSites(config, host.spec), words);
  try {
    if (config.reparametrisation === 'mlp')
      return { fingerprint, values: await fitMlp(config, host.spec, rows, stream) };
    const split = tf.tidy(() => Object.fromEntries(splitRows(config, rows, host.spec)));
    const arrays = await readParameters(new Map(Object.entries(split)));
    tf.dispose(split);
    return { fingerprint, values: new Map([...arrays].map(([name, array]) => [name, floatsOf(array)])) };
  } finally {
    rows.dispose();
  }
}
