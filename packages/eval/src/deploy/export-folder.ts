import { join } from 'node:path';
import { type Host, PeftError } from '@tfjs-peft/peft-core';
import { readableJson } from '@tfjs-peft/peft-core/files';
import { exportOnnx } from '@tfjs-peft/onnx';
import { predictLogits } from '@tfjs-peft/train';
import {
  classifierConfig,
  forTransformersJs,
  readCompanionFiles,
  requireEncoder,
  type Tokenizer,
} from '@tfjs-peft/transformer';
import type { OpenedAdapter } from '../predict/open-adapter.js';
import {
  type DeployedFolder,
  deployedMaxTokens,
  type DeployOptions,
  openDeployable,
  readHostConfig,
  writeDeployed,
} from './deploy-options.js';
import { runOnnx } from './run-onnx.js';
import { compareLogits, sampleTexts } from './sample-texts.js';
import { requireEmptyFolder } from '../run-folder/require-empty-folder.js';

/**
 * Writes host, adapter and head of a folder as an ONNX model in the layout that transformers.js opens with `pipeline('text-classification', …)`:
 * config.json, the tokenizer's files with the length at which texts are cut, onnx/model.onnx. Where `onnxruntime-node` is installed, what was
 * written is run and compared. Errors: those of {@link openAdapter} and `exportOnnx` (`NOT_EXPORTABLE`); `OUTPUT_NOT_EMPTY`, `OUTPUT_DIFFERS`,
 * `OUTPUT_UNWRITABLE`.
 */
export async function exportFolder(folder: string, options: DeployOptions): Promise<DeployedFolder> {
  const { output, dtype = 'f32' } = options;
  await requireEmptyFolder(output);
  const opened = await openDeployable(folder, { ...options, causal: true });
  const { host, adapter, labels, multiLabel } = opened;
  try {
    requireNoDecoder(host);
    const maxTokens = deployedMaxTokens(opened, options.maxTokens) ?? host.spec.maxPositionEmbeddings;
    const { bytes } = await exportOnnx(host, adapter, { dtype });
    const { family } = requireEncoder(host).encoder;
    const [directory, config] = await readHostConfig(opened);
    const companions = forTransformersJs(await readCompanionFiles(directory, { maxTokens }), {
      className: family.className,
      padToken: padTokenOf(opened.tokenizer),
    });
    const described = {
      ...classifierConfig(config, family, { labels, multiLabel, dtype: 'F32' }),
      // Where nobody says otherwise, transformers.js looks for int8 weights in a browser.
      'transformers.js_config': { dtype: 'fp32' },
    };
    const files = new Map([
      ['config.json', new TextEncoder().encode(readableJson(described))],
      ...companions,
      ['onnx/model.onnx', bytes],
    ]);
    return await writeDeployed(opened, options, maxTokens, files, (written) =>
      compare(join(written, 'onnx', 'model.onnx'), opened, maxTokens),
    );
  } finally {
    opened.dispose();
  }
}

/** Errors: `HOST_UNSUPPORTED`. */
function requireNoDecoder({ spec }: Host): void {
  if (spec.languageModel === undefined) return;
  throw new PeftError('HOST_UNSUPPORTED', {
    found: `the decoder "${spec.name}": graphs are written of encoders alone`,
    expected: 'an encoder with a head that classifies',
    fix: 'merge the adapter (tfjs-peft merge) and convert the model that this writes with optimum-cli export onnx',
  });
}

async function compare(path: string, { host, tokenizer, adapter }: OpenedAdapter, maxTokens: number) {
  const texts = sampleTexts(tokenizer, maxTokens);
  const logits = await runOnnx(path, texts, host.spec.padTokenId);
  if (!logits) return null;
  const { logits: expected } = await predictLogits({ ...adapter, host, texts });
  return compareLogits(logits, expected);
}

const padTokenOf = ({ specialTokens, padTokenId }: Tokenizer): string =>
  [...specialTokens].find(([, id]) => id === padTokenId)![0];
