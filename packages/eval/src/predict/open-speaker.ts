import { type Adapter, compose, disposeParameters, isPeftError, loadAdapter } from '@tfjs-peft/peft-core';
import { requireDecoder, type Tokenizer } from '@tfjs-peft/transformer';
import { loadGivenPlugins } from '../methods/load-plugins.js';
import { createCatalogue } from '../methods/plugins.js';
import { isAdapterFolder, readAdapterFolder } from '../run-folder/adapter-folder.js';
import { type ContinuedText, type ContinueOptions, continueTexts } from '../trial/continue-texts.js';
import { openHost } from '../trial/open-host.js';
import { reportBackend } from '../trial/report-backend.js';
import { locateAdapter } from './locate-adapter.js';
import type { OpenAdapterOptions } from './open-adapter.js';
import { refuseUnnamedPlugins } from './refuse-plugins.js';

/** How prompts are continued. */
export type SpeakOptions = ContinueOptions;

/** A prompt's continuation as text: what follows the prompt. */
export interface SpokenText extends ContinuedText {
  readonly prompt: string;
}

/** A decoder, with an adapter or without, that continues texts. */
export interface Speaker {
  readonly tokenizer: Tokenizer;
  /** Errors: those of `generate`. */
  speak(prompts: readonly string[], options?: SpeakOptions): Promise<SpokenText[]>;
  /** Frees host and adapter. */
  dispose(): void;
}

/**
 * Opens an adapter for the next token with its host, or a causal language model alone: by folder or by name on the Hub.
 * Errors: those of `locateAdapter`, `loadHost` and `loadAdapter`; `HOST_UNSUPPORTED` for a model that does not predict the next token;
 * `PLUGIN_NOT_ALLOWED`, `PLUGIN_UNUSABLE`.
 */
export async function openSpeaker(source: string, options: OpenAdapterOptions = {}): Promise<Speaker> {
  const { plugins } = await loadGivenPlugins(options.plugins ?? []);
  const catalogue = createCatalogue(plugins);
  const located = await locateAdapter(source, options.model, {
    ...(options.revision !== undefined && { revision: options.revision }),
    hostGiven: options.host !== undefined,
  }).catch((error: unknown) => {
    // Not an adapter: perhaps a model.
    if (isPeftError(error) && notAnAdapter.includes(error.code)) return null;
    throw error;
  });
  if (located && options.plugins === undefined) refuseUnnamedPlugins(source, located);
  await reportBackend(options.backend ?? 'auto');
  const adapted = located && (await isAdapterFolder(located.adapter)) ? located : null;
  const model = {
    ...{ name: source, readout: null, dropout: null },
    ...(options.revision !== undefined && { revision: options.revision }),
  };
  const { host, tokenizer } = adapted ? await openHost(adapted.model, options.host) : await openHost(model);
  try {
    requireDecoder(host);
    if (!adapted)
      return speakerOf(
        { method: compose(), effective: new Map(), hostFingerprint: host.spec.fingerprint },
        host,
        tokenizer,
      );
    const adapter = await loadAdapter(await readAdapterFolder(adapted.adapter), host, catalogue.registry, {
      tokenizerDigest: tokenizer.digest,
      ...(options.onWarning && { onWarning: options.onWarning }),
    });
    return speakerOf(adapter, host, tokenizer);
  } catch (error) {
    host.dispose();
    throw error;
  }
}

const notAnAdapter = ['ADAPTER_NOT_FOUND', 'FOLDER_MISSING', 'HUB_NOT_FOUND', 'HUB_FILES_MISSING'];

function speakerOf(
  { method, effective }: Adapter,
  host: Parameters<typeof requireDecoder>[0],
  tokenizer: Tokenizer,
): Speaker {
  const decoder = requireDecoder(host);
  return {
    tokenizer,
    async speak(prompts, options) {
      const ids = prompts.map((prompt) => tokenizer.encode(prompt, { maxTokens: Infinity }).inputIds);
      const found = await continueTexts({ host: decoder, method, effective, tokenizer }, ids, options);
      return found.map((continued, index) => ({ prompt: prompts[index]!, ...continued }));
    },
    dispose() {
      disposeParameters(effective);
      host.dispose();
    },
  };
}
