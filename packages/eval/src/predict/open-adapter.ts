import { type BackendChoice, selectBackend } from '@tfjs-peft/backend';
import {
  disposeParameters,
  type Host,
  isHead,
  type JsonObject,
  loadAdapter,
  type LoadedAdapter,
  PeftError,
  type PeftMethod,
} from '@tfjs-peft/peft-core';
import type { Tokenizer } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { type Catalogue, createCatalogue, type EvalPlugin, loadPlugins } from '../methods/plugins.js';
import { readAdapterFolder } from '../run-folder/adapter-folder.js';
import { openHost } from '../trial/open-host.js';
import { type LocatedAdapter, locateAdapter } from './locate-adapter.js';

export interface OpenAdapterOptions {
  /** `minilm`, a directory or a name of the Hub; what the folder records if absent. */
  readonly model?: string;
  /** Of the host on the Hub; what the adapter says if absent. */
  readonly revision?: string;
  /** Names of the labels of a folder that HF peft wrote, which has none. */
  readonly labels?: readonly string[];
  /** Default `auto`; `current` takes the backend that is set already. */
  readonly backend?: BackendChoice | 'current';
  /** In addition to those that the experiment names. */
  readonly plugins?: readonly EvalPlugin[];
  /** Where relative plugin paths start; the working directory if absent. */
  readonly directory?: string;
  readonly onWarning?: (text: string) => void;
  /** Used instead of the recorded host; disposed with the adapter. */
  readonly host?: { readonly host: Host; readonly tokenizer: Tokenizer };
}

export interface OpenedAdapter {
  readonly located: LocatedAdapter;
  readonly host: Host;
  readonly tokenizer: Tokenizer;
  readonly adapter: LoadedAdapter;
  readonly labels: readonly string[];
  /** Whether each label is a question of its own, by the base model of an adapter of HF peft. */
  readonly multiLabel: boolean;
  readonly catalogue: Catalogue;
  readonly backend: JsonObject;
  dispose(): void;
}

/** Errors: those of {@link locateAdapter}, `loadHost` and `loadAdapter` (`ADAPTER_FOR_ANOTHER_HOST` among them); `HEAD_MISSING`. */
export async function openAdapter(
  folder: string,
  { unfolded = false, ...options }: OpenAdapterOptions & { readonly unfolded?: boolean },
): Promise<OpenedAdapter> {
  const { revision } = options;
  const located = await locateAdapter(folder, options.model, { ...(revision !== undefined && { revision }) });
  const files = await readAdapterFolder(located.adapter);
  const backend = await reportBackend(options.backend ?? 'auto');
  const plugins = await loadPlugins(located.plugins, options.directory ?? '.');
  const catalogue = createCatalogue([...plugins, ...(options.plugins ?? [])]);
  const { host, tokenizer, classifier } = await openHost(located.model, options.host);
  try {
    const adapter = await loadAdapter(files, host, catalogue.registry, {
      unfolded,
      tokenizerDigest: tokenizer.digest,
      ...(classifier?.labels && { labelsOfBase: classifier.labels }),
      ...(options.labels && { labels: options.labels }),
      ...(options.onWarning && { onWarning: options.onWarning }),
    });
    return {
      located,
      host,
      tokenizer,
      adapter,
      labels: labelsOfHead(adapter.method, folder),
      // What an adapter of ours predicts, its own head says.
      multiLabel: adapter.report.writtenBy === 'hf-peft' && (classifier?.multiLabel ?? false),
      catalogue,
      backend,
      dispose() {
        disposeParameters(adapter.effective);
        host.dispose();
      },
    };
  } catch (error) {
    host.dispose();
    throw error;
  }
}

function labelsOfHead(method: PeftMethod, folder: string): readonly string[] {
  const find = (part: PeftMethod): readonly string[][] =>
    isHead(part) ? [[...part.config.labels]] : (part.parts ?? []).flatMap(find);
  const [labels] = find(method);
  if (labels) return labels;
  throw new PeftError('HEAD_MISSING', {
    found: `the adapter in "${folder}" has no head`,
    expected: 'a method with a HEAD, which turns hidden states into labels',
    fix: 'train and save it together with a head: compose(method, head({ labels }))',
  });
}

/** Makes a backend current and says which one it is. */
export async function reportBackend(backend: BackendChoice | 'current'): Promise<JsonObject> {
  if (backend === 'current') {
    await tf.ready();
    return { backend: tf.getBackend() };
  }
  return JSON.parse(JSON.stringify(await selectBackend({ backend }))) as JsonObject;
}
