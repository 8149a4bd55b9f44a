import { readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { BackendChoice } from '@tfjs-peft/backend';
import {
  type Adapter,
  compose,
  disposeParameters,
  type Host,
  type LoadedAdapter,
  PeftError,
  tokenHeadOf,
  toParameters,
} from '@tfjs-peft/peft-core';
import { headsOf } from '@tfjs-peft/peft-core/authoring';
import { type JsonObject, readHostHead } from '@tfjs-peft/peft-core/files';
import { type ClassifierHints, loadClassifier, type Tokenizer } from '@tfjs-peft/transformer';
import { loadGivenPlugins } from '../methods/load-plugins.js';
import { type Catalogue, createCatalogue, type EvalPlugin } from '../methods/plugins.js';
import { isAdapterFolder, readAdapterFolder } from '../run-folder/adapter-folder.js';
import { nameMissingPlugins } from '../records/recorded-plugins.js';
import { openHost } from '../trial/open-host.js';
import { reportBackend } from '../trial/report-backend.js';
import { labelsOfHead } from './labels-of-head.js';
import { loadOnHost } from './load-on-host.js';
import { type LocatedAdapter, locateAdapter } from './locate-adapter.js';
import { namedLabels } from './named-labels.js';
import { foldersAround, refuseUnnamedPlugins } from './refuse-plugins.js';

/** What the folder of an adapter leaves open: host, labels, backend, plugins. */
export interface OpenAdapterOptions {
  /** `minilm`, `minigpt`, a directory or a name of the Hub; what the folder records if absent. */
  readonly model?: string;
  /** Of the host on the Hub; what the adapter says if absent. */
  readonly revision?: string;
  /** Names of the labels, in order: of a folder that HF peft wrote, which has none, or in place of its own. */
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
  /** The folder of the host's files; absent for a host that was passed in. */
  readonly hostDirectory?: string;
  /** Of a whole model, its own head. */
  readonly adapter: Adapter;
  /** Where the texts that it learned from were cut, if the adapter itself says so. */
  readonly maxTokens?: number;
  /** None of an adapter that predicts the next token. */
  readonly labels: readonly string[];
  /** Whether each label is a question of its own, by the base model of an adapter of HF peft. */
  readonly multiLabel: boolean;
  readonly catalogue: Catalogue;
  readonly backend: JsonObject;
  /** Frees host and adapter. */
  dispose(): void;
}

/**
 * An adapter by its folder, or a whole model with a classifier, whose head stands for the adapter.
 * Errors: those of {@link locateAdapter}, `loadHost`, `loadClassifier` and `loadAdapter` (`ADAPTER_FOR_ANOTHER_HOST` among them); `HEAD_MISSING`,
 * `PLUGIN_NOT_ALLOWED`, `PLUGIN_UNUSABLE`.
 */
export async function openAdapter(
  folder: string,
  {
    unfolded = false,
    causal = false,
    ...options
  }: OpenAdapterOptions & {
    readonly unfolded?: boolean;
    /** Also takes adapters of a causal language model, which have no head. */
    readonly causal?: boolean;
  },
): Promise<OpenedAdapter> {
  const { revision } = options;
  if (await isModelFolder(folder)) return openModelFolder(folder, options);
  const located = await locateAdapter(folder, options.model, {
    ...(revision !== undefined && { revision }),
    hostGiven: options.host !== undefined,
  });
  if (options.plugins === undefined) refuseUnnamedPlugins(folder, located);
  const { plugins } = await loadGivenPlugins(options.plugins ?? []);
  const catalogue = createCatalogue(plugins);
  const files = await readAdapterFolder(located.adapter);
  const backend = await reportBackend(options.backend ?? 'auto');
  const opened = await openHost(located.model, options.host);
  const { host, tokenizer, classifier, directory } = opened;
  try {
    const { loaded, multiLabel } = await loadOnHost(files, opened, catalogue.registry, { ...options, unfolded });
    const adapter = withHostHead(loaded, host, classifier);
    const isCausal = causal && host.spec.languageModel !== undefined && headsOf(adapter.method).length === 0;
    return {
      located,
      host,
      tokenizer,
      ...(directory !== undefined && { hostDirectory: directory }),
      adapter,
      ...(adapter.report.maxTokens !== undefined && { maxTokens: adapter.report.maxTokens }),
      labels: isCausal
        ? []
        : namedLabels(
            labelsOfHead(adapter.method, `the adapter in "${folder}"`, host.spec),
            options.labels,
            `the adapter in "${folder}"`,
          ),
      multiLabel,
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

/** Where texts are cut, as far as the folder says: what the adapter or its trial was trained with, `model_max_length` of a whole model. */
export function maxTokensOf({ located, tokenizer, hostDirectory, maxTokens }: OpenedAdapter): number | undefined {
  const trained = maxTokens ?? located.trial?.data.maxTokens;
  if (trained !== undefined) return trained;
  const isModel = located.adapter === hostDirectory;
  return isModel && Number.isFinite(tokenizer.modelMaxTokens) ? tokenizer.modelMaxTokens : undefined;
}

/** A whole model with a classifier, such as `mergeFolder` writes: its head counts as the adapter. Errors: `USAGE` for options that ask for another host. */
async function openModelFolder(folder: string, options: OpenAdapterOptions): Promise<OpenedAdapter> {
  for (const name of ['model', 'revision'] as const)
    if (options[name] !== undefined)
      throw new PeftError('USAGE', {
        found: `the option ${name} (--${name}) for "${folder}", which is a whole model`,
        expected: 'the folder of an adapter, which needs a host',
        fix: 'leave it out: the model in this folder runs',
      });
  const { plugins } = await loadGivenPlugins(options.plugins ?? []);
  const backend = await reportBackend(options.backend ?? 'auto');
  const { host, tokenizer, classifier, head, directory } = await loadClassifier(resolve(folder), {
    ...(options.onWarning && { onWarning: options.onWarning }),
  });
  const { readout } = headsOf(head.method)[0]!.head;
  return {
    located: {
      adapter: directory,
      trial: null,
      trialFolder: null,
      model: { name: directory, readout, dropout: null },
      plugins: [],
    },
    host,
    tokenizer,
    hostDirectory: directory,
    adapter: head,
    labels: namedLabels(
      labelsOfHead(head.method, `the model in "${folder}"`),
      options.labels,
      `the model in "${folder}"`,
    ),
    multiLabel: classifier.multiLabel,
    catalogue: createCatalogue(plugins),
    backend,
    dispose() {
      disposeParameters(head.effective);
      host.dispose();
    },
  };
}

/** A folder of a model with its weights, and no adapter. */
async function isModelFolder(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch((): string[] => []);
  const hasWeights = names.includes('model.safetensors') || names.includes('model.safetensors.index.json');
  return hasWeights && names.includes('config.json') && !(await isAdapterFolder(folder));
}
