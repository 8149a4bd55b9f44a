import type { BackendChoice } from '@tfjs-peft/backend';
import {
  compose,
  disposeParameters,
  type Host,
  headsOf,
  type JsonObject,
  loadAdapter,
  type LoadedAdapter,
  PeftError,
  type PeftMethod,
  readHostHead,
  toParameters,
  tokenHeadOf,
} from '@tfjs-peft/peft-core';
import type { ClassifierHints, Tokenizer } from '@tfjs-peft/transformer';
import { loadGivenPlugins } from '../methods/load-plugins.js';
import { type Catalogue, createCatalogue, type EvalPlugin } from '../methods/plugins.js';
import { readAdapterFolder } from '../run-folder/adapter-folder.js';
import { nameMissingPlugins } from '../records/recorded-plugins.js';
import { openHost } from '../trial/open-host.js';
import { reportBackend } from '../trial/report-backend.js';
import { type LocatedAdapter, locateAdapter } from './locate-adapter.js';
import { foldersAround, refuseUnnamedPlugins } from './refuse-plugins.js';

/** What the folder of an adapter leaves open: host, labels, backend, plugins. */
export interface OpenAdapterOptions {
  /** `minilm`, a directory or a name of the Hub; what the folder records if absent. */
  readonly model?: string;
  /** Of the host on the Hub; what the adapter says if absent. */
  readonly revision?: string;
  /** Names of the labels of a folder that HF peft wrote, which has none. */
  readonly labels?: readonly string[];
  /** Default `auto`; `current` takes the backend that is set already. */
  readonly backend?: BackendChoice | 'current';
  /**
   * Plugins that the caller trusts: names of modules, seen from the working directory, or objects. What the folder itself names is never imported: without this option it is an
   * error, with it (also an empty list) the caller has decided.
   */
  readonly plugins?: readonly (EvalPlugin | string)[];
  /** Is told what was dropped, guessed or cut. */
  readonly onWarning?: (text: string) => void;
  /** Used instead of the recorded host; disposed with the adapter. */
  readonly host?: { readonly host: Host; readonly tokenizer: Tokenizer };
}

/** A loaded adapter on its host, ready to run. */
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
  /** Frees host and adapter. */
  dispose(): void;
}

/**
 * Errors: those of {@link locateAdapter}, `loadHost` and `loadAdapter` (`ADAPTER_FOR_ANOTHER_HOST` among them); `HEAD_MISSING`,
 * `PLUGIN_NOT_ALLOWED`, `PLUGIN_UNUSABLE`.
 */
export async function openAdapter(
  folder: string,
  { unfolded = false, ...options }: OpenAdapterOptions & { readonly unfolded?: boolean },
): Promise<OpenedAdapter> {
  const { revision } = options;
  const located = await locateAdapter(folder, options.model, { ...(revision !== undefined && { revision }) });
  if (options.plugins === undefined) refuseUnnamedPlugins(folder, located);
  const { plugins } = await loadGivenPlugins(options.plugins ?? []);
  const catalogue = createCatalogue(plugins);
  const files = await readAdapterFolder(located.adapter);
  const backend = await reportBackend(options.backend ?? 'auto');
  const { host, tokenizer, classifier } = await openHost(located.model, options.host);
  try {
    const loaded = await loadAdapter(files, host, catalogue.registry, {
      unfolded,
      tokenizerDigest: tokenizer.digest,
      ...(classifier?.labels && { labelsOfBase: classifier.labels }),
      ...(classifier?.tensors && { hostHead: classifier.tensors }),
      ...(options.labels && { labels: options.labels }),
      ...(options.onWarning && { onWarning: options.onWarning }),
    });
    const adapter = withHostHead(loaded, host, classifier);
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
    throw await nameMissingPlugins(error, foldersAround(located));
  }
}

/** An adapter of HF peft without a head runs with that of its model, if there is one. */
function withHostHead(adapter: LoadedAdapter, { spec }: Host, classifier: ClassifierHints | undefined): LoadedAdapter {
  const { tensors, labels } = classifier ?? {};
  if (adapter.report.writtenBy !== 'hf-peft' || headsOf(adapter.method).length > 0 || !tensors) return adapter;
  if (tokenHeadOf(adapter.method)) return adapter;
  const own = readHostHead(tensors, spec, `the weights of "${spec.name}"`, labels);
  if (!own) return adapter;
  return {
    ...adapter,
    method: compose(adapter.method, own.method),
    effective: new Map([...adapter.effective, ...toParameters(own.effective)]),
  };
}

function labelsOfHead(method: PeftMethod, folder: string): readonly string[] {
  const [head] = headsOf(method);
  if (head) return head.head.labels;
  if (tokenHeadOf(method))
    throw new PeftError('TASK_UNSUPPORTED', {
      found: `the adapter in "${folder}" gives logits for every token`,
      expected: 'an adapter that answers once a text',
      fix: 'compute them with loadAdapter and tokenLogits of @tfjs-peft/peft-core',
    });
  throw new PeftError('HEAD_MISSING', {
    found: `the adapter in "${folder}" has no head`,
    expected: 'a method with a HEAD, which turns hidden states into labels',
    fix: 'train and save it together with a head: compose(method, head({ labels }))',
  });
}
