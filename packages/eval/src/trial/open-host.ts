import { type Host, PeftError, type Readout, sitesOfKind } from '@tfjs-peft/peft-core';
import { minilmFiles } from '@tfjs-peft/minilm';
import { type ClassifierHints, loadHost, type Tokenizer } from '@tfjs-peft/transformer';
import type { ModelConfig } from '../config/experiment-config.js';

/** The name under which the embedded host goes. */
export const embeddedName = 'minilm';

export interface OpenedHost {
  readonly host: Host;
  /** The folder that it was loaded from; absent if it was given. */
  readonly directory?: string;
  readonly tokenizer: Tokenizer;
  readonly readout: Readout;
  /** What the files of the host say about a classifier. */
  readonly classifier?: ClassifierHints;
}

/** The host that a configuration names, or `given`. Errors: `READOUT_UNAVAILABLE`, and those of `loadHost`. */
export async function openHost(
  model: ModelConfig,
  given?: { readonly host: Host; readonly tokenizer: Tokenizer },
): Promise<OpenedHost> {
  const loaded: Omit<OpenedHost, 'readout'> = given ?? (await loadNamed(model));
  const { host } = loaded;
  const readout = model.readout ?? host.spec.defaultReadout;
  const available = sitesOfKind(host.spec, 'readout').flatMap((site) => site.readouts);
  if (available.includes(readout)) return { ...loaded, readout };
  throw new PeftError('READOUT_UNAVAILABLE', {
    found: `readout "${readout}" on host "${host.spec.name}"`,
    expected: `one of ${available.join(', ')}`,
    fix: 'choose one of them under model.readout',
  });
}

function loadNamed({ name, revision, dropout }: ModelConfig) {
  const choices = dropout === null ? {} : { dropout };
  if (name === embeddedName) {
    const { directory, name: hubName, readout } = minilmFiles();
    return loadHost(directory, { ...choices, name: hubName, readout });
  }
  return loadHost(name, { ...choices, ...(revision !== undefined && { revision }) });
}
