import {
  type AdapterFiles,
  loadAdapter,
  type LoadedAdapter,
  type LoadOptions,
  type MethodRegistry,
} from '@tfjs-peft/peft-core';
import type { OpenedHost } from '../trial/opened-host.js';

/** An adapter on the host that it was opened for. */
export interface LoadedOnHost {
  readonly loaded: LoadedAdapter;
  /** Whether each label is a question of its own, by the base model of an adapter of HF peft; what one of ours predicts, its own head says. */
  readonly multiLabel: boolean;
}

/** Reads an adapter's files with all that its host's files say: labels, and the parts of a head that HF peft does not store. Errors: those of `loadAdapter`. */
export async function loadOnHost(
  files: AdapterFiles,
  { host, tokenizer, classifier }: Pick<OpenedHost, 'host' | 'tokenizer' | 'classifier'>,
  registry: MethodRegistry,
  { labels, onWarning, unfolded = false }: Pick<LoadOptions, 'labels' | 'onWarning' | 'unfolded'>,
): Promise<LoadedOnHost> {
  const hostHead = classifier?.tensors ?? classifier?.layersBelow;
  const loaded = await loadAdapter(files, host, registry, {
    unfolded,
    tokenizerDigest: tokenizer.digest,
    ...(classifier?.labels && { labelsOfBase: classifier.labels }),
    ...(hostHead && { hostHead }),
    ...(labels && { labels }),
    ...(onWarning && { onWarning }),
  });
  return { loaded, multiLabel: loaded.report.writtenBy === 'hf-peft' && (classifier?.multiLabel ?? false) };
}
