import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { adapter } from '@tfjs-peft/adapter';
import { exportFolder, openAdapter } from '@tfjs-peft/eval';
import { writeAdapterFolder } from '@tfjs-peft/eval/run-folder';
import { loha, oft, waveft } from '@tfjs-peft/hf-methods';
import { ia3 } from '@tfjs-peft/ia3';
import { lora } from '@tfjs-peft/lora';
import { minilmFiles } from '@tfjs-peft/minilm';
import {
  compose,
  createStream,
  head,
  initialValues,
  type PeftMethod,
  saveAdapter,
  toParameters,
} from '@tfjs-peft/peft-core';
import { effectiveParameters } from '@tfjs-peft/peft-core/authoring';
import { type JsonObject, readableJson } from '@tfjs-peft/peft-core/files';
import { prefix } from '@tfjs-peft/prefix';
import { prompt } from '@tfjs-peft/prompt';
import { subspace } from '@tfjs-peft/subspace';
import { predictLogits } from '@tfjs-peft/train';
import { createRandomHost, loadHost, type ModelType, saveHost, tinyHostConfig } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { temporaryFolder } from './tiny-model.js';

useTestBackend();
const backend = 'current' as const;
const root = temporaryFolder();
const texts = [
  'the quick brown fox',
  'Un café, déjà vu: naïve façade!',
  'one two three four five six seven eight nine ten eleven twelve',
  'a',
];
/** Beyond the positions of the host: only the length that is written in keeps it from failing. */
const long = 'word '.repeat(200);

const readJson = (path: string): JsonObject => JSON.parse(readFileSync(path, 'utf8')) as JsonObject;
const golden = (name: string) =>
  readJson(fileURLToPath(new URL(`../../transformer/goldens/tokenizer-${name}.json`, import.meta.url)))
    .tokenizerJson as JsonObject;
const minilmTokenizer = () => readJson(join(minilmFiles().directory, 'tokenizer.json'));
const utf8 = (value: JsonObject) => new TextEncoder().encode(readableJson(value));

/** A tiny host with a tokenizer that HF wrote, as a folder. */
async function writeHost(modelType: ModelType, tokenizerJson: JsonObject): Promise<string> {
  const sizes = { modelType, hiddenSize: 16, numAttentionHeads: 2, intermediateSize: 24, vocabSize: 31000 };
  const host = await createRandomHost(sizes);
  const files = await saveHost(host, { config: tinyHostConfig(sizes) });
  host.dispose();
  const folder = join(root, modelType);
  files.set('tokenizer.json', utf8(tokenizerJson));
  // As HF transformers 5 writes it.
  files.set('tokenizer_config.json', utf8({ tokenizer_class: 'TokenizersBackend' }));
  await writeAdapterFolder(folder, files);
  return folder;
}

async function writeAdapter(model: string, method: PeftMethod): Promise<string> {
  const { host } = await loadHost(model, { name: model });
  const raw = toParameters(initialValues(method.plan(host.spec), createStream(3)));
  const effective = [...effectiveParameters(method, raw, host.spec)].map(([name, tensor], index) => {
    const noise = tf.randomNormal(tensor.shape, 0, 0.2, 'float32', index + 1);
    return [name, tensor.add(noise)] as const;
  });
  const made = { method, effective: new Map(effective), hostFingerprint: host.spec.fingerprint };
  const folder = join(root, `adapter of ${model.split('/').at(-1)}`);
  await writeAdapterFolder(folder, await saveAdapter(made, host, { baseModelNameOrPath: model }));
  host.dispose();
  return folder;
}

async function ourLogits(folder: string, maxTokens: number): Promise<Float32Array> {
  const { host, tokenizer, adapter: opened, dispose } = await openAdapter(folder, { backend });
  const encoded = texts.map((text) => tokenizer.encode(text, { maxTokens }));
  const { logits } = await predictLogits({ ...opened, host, texts: encoded });
  dispose();
  return logits;
}

function run(line: '2' | '4', folder: string): { logits: number[]; labels: string[] } {
  const script = fileURLToPath(new URL('run-pipeline.mjs', import.meta.url));
  const { stdout, stderr, status } = spawnSync(process.execPath, [script, line, folder], {
    input: JSON.stringify([...texts, long]),
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

const labels = ['down', 'level', 'up'];
const everything = compose(
  lora(),
  ia3(),
  prefix({ prefixLength: 2, mlpHiddenSize: 8 }),
  prompt({ length: 3 }),
  adapter(),
  head({ labels, readout: 'mean' }),
);

describe('transformers.js opens what is exported', () => {
  it.each<[ModelType, () => JsonObject, PeftMethod]>([
    ['bert', minilmTokenizer, everything],
    [
      'distilbert',
      minilmTokenizer,
      subspace(compose(prefix({ prefixLength: 3, mlpHiddenSize: 8 }), head({ labels })), { vertices: 2 }),
    ],
    ['roberta', () => golden('roberta'), everything],
    ['xlm-roberta', () => golden('xlm-roberta'), compose(lora(), head({ labels }))],
    [
      'electra',
      minilmTokenizer,
      compose(
        oft({ oft_block_size: 4 }),
        loha({ r: 2, target_modules: ['key', 'intermediate.dense'] }),
        waveft({ n_frequency: 20, target_modules: ['output.dense'] }),
        head({ labels }),
      ),
    ],
  ])('%s', async (modelType, tokenizer, method) => {
    const folder = await writeAdapter(await writeHost(modelType, tokenizer()), method);
    const output = join(root, `onnx-${modelType}`);
    await exportFolder(folder, { output, backend, maxTokens: 48 });
    const expected = await ourLogits(folder, 48);
    for (const line of ['2', '4'] as const) {
      const found = run(line, output);
      expect(found.logits).toHaveLength(expected.length + labels.length);
      // A text that is cut loses its closing token in transformers.js.
      expected.forEach((value, index) => expect(Math.abs(value - found.logits[index]!)).toBeLessThan(1e-4));
      const best = texts.map((_, row) => {
        const own = [...expected.slice(3 * row, 3 * row + 3)];
        return labels[own.indexOf(Math.max(...own))];
      });
      expect(found.labels.slice(0, texts.length)).toEqual(best);
    }
  });
});
