import { type Classifier, createClassifier } from './create-classifier.js';
import { maxTokensOf, openAdapter, type OpenAdapterOptions } from './open-adapter.js';

/** A saved adapter that classifies texts. */
export interface Predictor extends Classifier {
  readonly backend: string;
  /** Frees host and adapter. */
  dispose(): void;
}

/** How texts are batched and cut, beside what opens the adapter. */
export interface PredictorOptions extends OpenAdapterOptions {
  /** Texts a pass; default 64. */
  readonly batchSize?: number;
  /** Default: what the adapter was trained with or the folder of a whole model says, else 128. */
  readonly maxTokens?: number;
  /** Is told after each batch; counts texts. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/**
 * A classifier from the folder of an experiment, a trial or an adapter (also one that HF peft wrote): finds its host, checks that it is the
 * one it was trained on, and loads the deployed point. Errors: see {@link openAdapter}.
 */
export async function openPredictor(folder: string, options: PredictorOptions = {}): Promise<Predictor> {
  const opened = await openAdapter(folder, options);
  const maxTokens = options.maxTokens ?? maxTokensOf(opened);
  return {
    ...createClassifier({ ...options, ...opened, ...(maxTokens !== undefined && { maxTokens }) }),
    backend: String(opened.backend.backend),
    dispose: () => opened.dispose(),
  };
}
