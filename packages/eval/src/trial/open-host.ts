import { type Host, PeftError, sitesOfKind } from '@tfjs-peft/peft-core';
import { loadHost, type Tokenizer } from '@tfjs-peft/transformer';
import type { ModelConfig } from '../config/experiment-config.js';
import { embeddedHost } from './embedded-hosts.js';
import type { OpenedHost } from './opened-host.js';
import { openPrompts } from './prompted-host.js';

/**
 * The host that a configuration names, or `given`; with prompts if the configuration says so. Errors: `READOUT_UNAVAILABLE`, and those of
 * `loadHost` and of prompts.
 */
export async function openHost(
  model: ModelConfig,
  given?: { readonly host: Host; readonly tokenizer: Tokenizer },
): Promise<OpenedHost> {
  const plain: Omit<OpenedHost, 'readout'> = given ?? (await loadNamed(model));
  try {
    return await withReadout(plain, model);
  } catch (error) {
    if (!given) plain.host.dispose();
    throw error;
  }
}

async function withReadout(plain: Omit<OpenedHost, 'readout'>, model: ModelConfig): Promise<OpenedHost> {
  const loaded = model.prompt ? await openPrompts(plain, model.prompt) : plain;
  const { host } = loaded;
  const readout = model.readout ?? host.spec.defaultReadout;
  const all = sitesOfKind(host.spec, 'readout').flatMap((site) => site.readouts);
  // Heads on prompts are the label words at the mask.
  const available = model.prompt ? all.filter((one) => one === 'mask') : all;
  if (available.includes(readout)) return { ...loaded, readout };
  throw new PeftError('READOUT_UNAVAILABLE', {
    found: `readout "${readout}" on host "${host.spec.name}"`,
    expected: `one of ${available.join(', ')}`,
    fix: 'choose one of them under model.readout',
  });
}

function loadNamed({ name, revision, dropout, prompt }: ModelConfig) {
  const choices = {
    ...(dropout !== null && { dropout }),
    // What is left out of the encoder is the head that prompts are read with.
    ...(prompt && { onIgnored: () => {} }),
  };
  const embedded = embeddedHost(name);
  if (embedded) return loadHost(embedded.directory, { ...choices, ...embedded });
  return loadHost(name, { ...choices, ...(revision !== undefined && { revision }) });
}
