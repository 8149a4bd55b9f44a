import { type Adapter, compose, disposeParameters, isPeftError, loadAdapter } from '@tfjs-peft/peft-core';
import {
  type Continuation,
  generate,
  type GenerationInput,
  loadHost,
  requireDecoder,
  type Tokenizer,
} from '@tfjs-peft/transformer';
import { loadGivenPlugins } from '../methods/load-plugins.js';
import { createCatalogue } from '../methods/plugins.js';
import { isAdapterFolder, readAdapterFolder } from '../run-folder/adapter-folder.js';
import { openHost } from '../trial/open-host.js';
import { reportBackend } from '../trial/report-backend.js';
import { locateAdapter } from './locate-adapter.js';
import type { OpenAdapterOptions } from './open-adapter.js';
import { refuseUnnamedPlugins } from './refuse-plugins.js';

/** How prompts are continued. */
export interface SpeakOptions {
  readonly settings?: GenerationInput;
  readonly seed?: number;
  /** A text ends before the first of these. */
  readonly stopWords?: readonly string[];
  /** Told about the text of a prompt so far, as it comes; not by beam search. */
  readonly onText?: (event: { readonly prompt: number; readonly text: string }) => void;
  readonly signal?: AbortSignal;
}

/** A prompt's continuation as text. */
export interface SpokenText {
  readonly prompt: string;
  /** What follows the prompt. */
  readonly text: string;
  readonly tokens: number;
  readonly reason: Continuation['reason'];
  /** Of beam search. */
  readonly score?: number;
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
  }).catch((error: unknown) => {
    // Not an adapter: perhaps a model.
    if (isPeftError(error) && notAnAdapter.includes(error.code)) return null;
    throw error;
  });
  if (located && options.plugins === undefined) refuseUnnamedPlugins(source, located);
  await reportBackend(options.backend ?? 'auto');
  if (!located || !(await isAdapterFolder(located.adapter))) {
    const { host, tokenizer } = await loadHost(source, {
      ...(options.revision !== undefined && { revision: options.revision }),
    });
    const method = compose();
    return speakerOf({ method, effective: new Map(), hostFingerprint: host.spec.fingerprint }, host, tokenizer);
  }
  const { host, tokenizer } = await openHost(located.model, options.host);
  try {
    requireDecoder(host);
    const adapter = await loadAdapter(await readAdapterFolder(located.adapter), host, catalogue.registry, {
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
    async speak(prompts, { settings, seed, stopWords = [], onText, signal } = {}) {
      const ids = prompts.map((prompt) => tokenizer.encode(prompt, { maxTokens: Infinity }).inputIds);
      // The text of a prompt and its continuation, less the prompt's: tokenizers may treat the first token of a text in a way of its own.
      const starts = ids.map((prompt) => tokenizer.decode(prompt));
      const textOf = (generated: readonly number[], prompt: number) => {
        const whole = tokenizer.decode([...ids[prompt]!, ...generated]);
        const start = starts[prompt]!;
        return whole.startsWith(start) ? whole.slice(start.length) : tokenizer.decode(generated);
      };
      const stopAt = (text: string) =>
        stopWords.reduce((first, word) => {
          const place = text.indexOf(word);
          return place >= 0 && place < first ? place : first;
        }, Infinity);
      const soFar = prompts.map((): number[] => []);
      const found = await generate({
        host: decoder,
        method,
        effective,
        prompts: ids,
        ...(settings && { settings }),
        ...(seed !== undefined && { seed }),
        ...(signal && { signal }),
        ...(stopWords.length > 0 && {
          isComplete: (generated, prompt) => stopAt(textOf(generated, prompt)) < Infinity,
        }),
        ...(onText && {
          onToken({ prompt, token }) {
            soFar[prompt]!.push(token);
            const text = textOf(soFar[prompt]!, prompt);
            onText({ prompt, text: text.slice(0, stopAt(text)) });
          },
        }),
      });
      return found.map(({ ids: generated, reason, score }, prompt) => {
        const text = textOf(generated, prompt);
        return {
          prompt: prompts[prompt]!,
          text: text.slice(0, stopAt(text)),
          tokens: generated.length,
          reason,
          ...(score !== undefined && { score }),
        };
      });
    },
    dispose() {
      disposeParameters(effective);
      host.dispose();
    },
  };
}
