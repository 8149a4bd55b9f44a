import {
  compose,
  disposeMerged,
  disposeParameters,
  type EncodedText,
  isPeftError,
  mergeAdapter,
  type MergedAdapter,
  PeftError,
} from '@tfjs-peft/peft-core';
import { predictLogits } from '@tfjs-peft/train';
import { loadClassifier, loadHost, readCompanionFiles, saveHost } from '@tfjs-peft/transformer';
import type { OpenedAdapter } from '../predict/open-adapter.js';
import {
  type DeployedFolder,
  deployedMaxTokens,
  type DeployOptions,
  openDeployable,
  readHostConfig,
  writeDeployed,
} from './deploy-options.js';
import { nextTokenLogits } from './next-token-logits.js';
import { compareLogits, sampleTexts } from './sample-texts.js';
import { requireEmptyFolder } from '../run-folder/require-empty-folder.js';

/**
 * Merges the adapter of a folder into its host and writes the model: a folder that `AutoModelForSequenceClassification` of HF transformers, and
 * `openPredictor` here, open with the same logits; `AutoModelForCausalLM` and `openSpeaker` where the adapter predicts the next token. A simplex counts as its midpoint. What was written is read again and compared.
 * Errors: those of {@link openAdapter} and `saveHost` (`HEAD_NOT_IN_HF`); `NOT_MERGEABLE`; `OUTPUT_NOT_EMPTY`, `OUTPUT_DIFFERS`, `OUTPUT_UNWRITABLE`.
 */
export async function mergeFolder(folder: string, options: DeployOptions): Promise<DeployedFolder> {
  const { output, dtype = 'f32' } = options;
  await requireEmptyFolder(output);
  const opened = await openDeployable(folder, { ...options, causal: true });
  try {
    const maxTokens = deployedMaxTokens(opened, options.maxTokens);
    const merged = await merge(opened);
    try {
      const [directory, config] = await readHostConfig(opened);
      const model = await saveHost(merged.host, {
        config,
        head: merged.rest,
        labels: opened.labels,
        multiLabel: opened.multiLabel,
        dtype: dtype === 'f16' ? 'F16' : 'F32',
      });
      const companions = await readCompanionFiles(directory, { ...(maxTokens !== undefined && { maxTokens }) });
      const files = new Map([...model, ...companions]);
      return await writeDeployed(opened, options, maxTokens, files, (written) => compare(written, opened));
    } finally {
      disposeMerged(merged, opened.adapter);
    }
  } finally {
    opened.dispose();
  }
}

/** Errors: `NOT_MERGEABLE`, with what users of a folder can do about it. */
async function merge({ host, adapter }: OpenedAdapter): Promise<MergedAdapter> {
  try {
    return await mergeAdapter(host, adapter);
  } catch (error) {
    if (!isPeftError(error) || error.code !== 'NOT_MERGEABLE') throw error;
    const isCausal = host.spec.languageModel !== undefined;
    throw new PeftError(error.code, {
      ...error.text,
      fix: isCausal
        ? 'keep the adapter beside its model: tfjs-peft generate and HF peft open it there'
        : 'export to ONNX instead, which holds prefixes, prompts and bottleneck adapters too: tfjs-peft export <folder> --format onnx',
      cause: error,
    });
  }
}

async function compare(written: string, opened: OpenedAdapter) {
  const { host, tokenizer, adapter, labels } = opened;
  const texts = sampleTexts(tokenizer, host.spec.maxPositionEmbeddings);
  if (labels.length === 0) return compareNextTokens(written, opened, texts);
  const { logits: expected } = await predictLogits({ ...adapter, host, texts });
  const again = await loadClassifier(written);
  try {
    const { logits } = await predictLogits({ ...again.head, host: again.host, texts });
    return compareLogits(logits, expected);
  } finally {
    disposeParameters(again.head.effective);
    again.host.dispose();
  }
}

async function compareNextTokens(written: string, { host, adapter }: OpenedAdapter, texts: readonly EncodedText[]) {
  const expected = await nextTokenLogits(host, adapter, texts);
  const { host: again } = await loadHost(written);
  try {
    const plain = { method: compose(), effective: new Map() };
    return compareLogits(await nextTokenLogits(again, plain, texts), expected);
  } finally {
    again.dispose();
  }
}
