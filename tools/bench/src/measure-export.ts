// Texts a second and file sizes of what is exported: `npm run bench:export`, or with names of methods those alone (`npm run bench:export -- LoRA prompt`).
// Each engine runs in a process of its own, one after the other.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { adapter } from '@tfjs-peft/adapter';
import { type BackendChoice, selectBackend } from '@tfjs-peft/backend';
import { createTaskRegistry, loadTask, spamSubjects } from '@tfjs-peft/glue-fewshot';
import { oft } from '@tfjs-peft/hf-methods';
import { ia3 } from '@tfjs-peft/ia3';
import { lora } from '@tfjs-peft/lora';
import { minilmFiles } from '@tfjs-peft/minilm';
import { exportOnnx } from '@tfjs-peft/onnx';
import {
  type Adapter,
  compose,
  createStream,
  type EncodedText,
  head,
  initialValues,
  mergeAdapter,
  padBatch,
  type PeftMethod,
  toParameters,
} from '@tfjs-peft/peft-core';
import { effectiveParameters } from '@tfjs-peft/peft-core/authoring';
import { prefix } from '@tfjs-peft/prefix';
import { prompt } from '@tfjs-peft/prompt';
import { subspace } from '@tfjs-peft/subspace';
import { predictLogits } from '@tfjs-peft/train';
import { type LoadedHost, loadHost, saveHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import ort from 'onnxruntime-node';
import { largestDifference } from '../../jest/run-graph.js';

/** What a process of one engine is called with. */
const measuring = '--measure';
/** A simplex is exported as its midpoint. */
const simplexOf = 'simplex of ';
const [texts, batchSize, rounds] = [1000, 64, 3];
const script = fileURLToPath(import.meta.url);
const flatPrefix = () => prefix({ prefixLength: 10, reparametrisation: 'none' });
const methods: Readonly<Record<string, () => PeftMethod>> = {
  LoRA: () => lora({ rank: 8 }),
  prefix: flatPrefix,
  prompt: () => prompt({ length: 10, initialisation: 'normal' }),
  IA3: () => ia3(),
  adapter: () => adapter(),
  OFT: () => oft({ oft_block_size: 32 }),
  composition: () => compose(lora({ rank: 8 }), flatPrefix(), ia3(), adapter()),
};

async function openModel(): Promise<LoadedHost> {
  const { directory, name, readout } = minilmFiles();
  return loadHost(directory, { name, readout, dropout: false });
}

/** With numbers that are no initial values, so that every effect counts. */
function makeAdapter(name: string, { host }: LoadedHost, readout: 'mean' | 'pooler' = 'mean'): Adapter {
  const plain = compose(methods[name.replace(simplexOf, '')]!(), head({ labels: ['ham', 'spam'], readout }));
  const method = name.startsWith(simplexOf) ? subspace(plain, { vertices: 3 }) : plain;
  const raw = toParameters(initialValues(method.plan(host.spec), createStream(1)));
  const effective = [...effectiveParameters(method, raw, host.spec)].map(([key, tensor], index) => {
    const noise = tf.randomNormal(tensor.shape, 0, 0.05, 'float32', index + 1);
    return [key, tensor.add(noise)] as const;
  });
  return { method, effective: new Map(effective), hostFingerprint: host.spec.fingerprint };
}

async function readTexts({ tokenizer }: LoadedHost): Promise<EncodedText[]> {
  const { tests } = await loadTask(createTaskRegistry([spamSubjects]), 'spam-subjects');
  return tests[0]!.rows.slice(0, texts).map((row) => tokenizer.encode(row.texts[0]!, { maxTokens: 128 }));
}

/** Seconds of the median round, after one that warms up, and the logits. */
async function time(run: () => Promise<Float32Array>): Promise<{ seconds: number; logits: Float32Array }> {
  let logits = await run();
  const seconds: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    logits = await run();
    seconds.push((performance.now() - start) / 1000);
  }
  return { seconds: seconds.sort((a, b) => a - b)[Math.floor(rounds / 2)]!, logits };
}

/** Texts of similar length in one batch, as `predictLogits` has it. */
async function runOnnx(
  path: string,
  encoded: readonly EncodedText[],
  padTokenId: number,
): Promise<() => Promise<Float32Array>> {
  const session = await ort.InferenceSession.create(path);
  const order = encoded
    .map((_, index) => index)
    .sort((a, b) => encoded[a]!.inputIds.length - encoded[b]!.inputIds.length);
  return async () => {
    const logits = new Float32Array(2 * encoded.length);
    for (let start = 0; start < order.length; start += batchSize) {
      const rows = order.slice(start, start + batchSize);
      const batch = padBatch(
        rows.map((row) => encoded[row]!),
        padTokenId,
      );
      const feeds = {
        input_ids: batch.inputIds,
        attention_mask: batch.attentionMask,
        token_type_ids: batch.tokenTypeIds,
      };
      const tensors = Object.entries(feeds).map(
        ([name, tensor]) =>
          [name, new ort.Tensor('int64', BigInt64Array.from(tensor.dataSync(), BigInt), tensor.shape)] as const,
      );
      const { logits: found } = await session.run(Object.fromEntries(tensors));
      rows.forEach((row, place) =>
        logits.set((found!.data as Float32Array).subarray(2 * place, 2 * place + 2), 2 * row),
      );
      tf.dispose(Object.values(batch));
    }
    return logits;
  };
}

/** One engine, one method: a JSON line. */
async function measure(engine: string, method: string, folder: string): Promise<void> {
  await selectBackend({ backend: (engine === 'onnx' ? 'cpu' : engine) as BackendChoice });
  const model = await openModel();
  const encoded = await readTexts(model);
  const adapter = makeAdapter(method, model);
  const run =
    engine === 'onnx'
      ? await runOnnx(join(folder, `${method} f32.onnx`), encoded, model.tokenizer.padTokenId)
      : async () => (await predictLogits({ ...adapter, host: model.host, texts: encoded, batchSize })).logits;
  const { seconds, logits } = await time(run);
  process.stdout.write(JSON.stringify({ seconds, logits: [...logits] }));
}

/** All methods and a simplex, or the named ones. */
function chosenMethods(names: readonly string[]): string[] {
  const all = [...Object.keys(methods), `${simplexOf}prefix`];
  const unknown = names.find((name) => !all.includes(name));
  if (unknown !== undefined) throw new Error(`${unknown} is none of ${all.join(', ')}`);
  return names.length > 0 ? [...names] : all;
}

async function writeModels(folder: string, chosen: readonly string[]): Promise<[string, number][]> {
  await selectBackend();
  const model = await openModel();
  const sizes: [string, number][] = [];
  for (const method of chosen)
    for (const dtype of ['f32', 'f16'] as const) {
      const path = join(folder, `${method} ${dtype}.onnx`);
      writeFileSync(path, (await exportOnnx(model.host, makeAdapter(method, model), { dtype })).bytes);
      sizes.push([`${method}, ONNX ${dtype.toUpperCase()}`, statSync(path).size]);
    }
  const merged = await mergeAdapter(model.host, makeAdapter('LoRA', model, 'pooler'));
  for (const dtype of ['F32', 'F16'] as const) {
    const files = await saveHost(merged.host, { config: { model_type: 'bert' }, head: merged.rest, dtype });
    sizes.push([`LoRA, merged ${dtype}`, files.get('model.safetensors')!.length]);
  }
  return sizes;
}

async function main(names: readonly string[]): Promise<void> {
  const chosen = chosenMethods(names);
  const folder = mkdtempSync(join(tmpdir(), 'tfjs-peft-export-'));
  mkdirSync(folder, { recursive: true });
  try {
    const sizes = await writeModels(folder, chosen);
    console.log(
      `MiniLM, ${texts} subject lines, batches of ${batchSize}, ${cpus().length} cores (${cpus()[0]!.model})\n`,
    );
    for (const method of chosen) {
      let first: Float32Array | undefined;
      for (const engine of ['onnx', 'tensorflow', 'wasm']) {
        const args = ['--conditions=@tfjs-peft/source', '--import', 'tsx', script, measuring, engine, method, folder];
        const { stdout, status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 2 ** 28 });
        if (status !== 0) throw new Error(stderr);
        const { seconds, logits } = JSON.parse(stdout.slice(stdout.indexOf('{"seconds"'))) as {
          seconds: number;
          logits: number[];
        };
        const found = Float32Array.from(logits);
        first ??= found;
        const apart = largestDifference(found, first).toExponential(1);
        console.log(
          `${method.padEnd(17)} ${engine.padEnd(12)} ${(texts / seconds).toFixed(0).padStart(6)} texts/s  ${apart} from ONNX`,
        );
      }
    }
    console.log('');
    for (const [name, bytes] of sizes) console.log(`${name.padEnd(28)} ${(bytes / 1e6).toFixed(1).padStart(6)} MB`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const [first, ...more] = process.argv.slice(2);
await (first === measuring ? measure(more[0]!, more[1]!, more[2]!) : main(process.argv.slice(2)));
