import type { BackendChoice } from '@tfjs-peft/backend';
import type { OpenAdapterOptions } from '@tfjs-peft/eval';

/** Options of every command that opens an adapter, as the command line gives them. */
export interface AdapterOptions {
  readonly backend: BackendChoice;
  readonly model?: string;
  readonly revision?: string;
  readonly labels?: readonly string[];
  readonly plugin?: readonly string[];
  readonly json?: boolean;
}

/** The same under the names of the API. */
export const openOptions = ({ backend, model, revision, labels, plugin }: AdapterOptions) =>
  ({
    backend,
    ...(model !== undefined && { model }),
    ...(revision !== undefined && { revision }),
    ...(labels && { labels }),
    ...(plugin && { plugins: plugin }),
  }) satisfies OpenAdapterOptions;
