// Compares a backend that runs on a GPU with HF transformers' goldens and with wasm.
// Usage: node --conditions=@tfjs-peft/source --import tsx tools/parity/compare-backend.ts tensorflow-gpu
//        compare-backend.ts webgpu FOLDER, whose node_modules has `webgpu` and `@tensorflow/tfjs-backend-webgpu` (run by check-webgpu.ts)
// With --json as the last word the last line on standard output is the table as JSON.
// Exit code: 0 all within tolerance, 1 not, 2 the backend does not run on this machine.
import { readFileSync } from 'node:fs';
import { register } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type BackendName, selectBackend } from '@tfjs-peft/backend';
import {
  compose,
  evaluationContext,
  head,
  type Host,
  isPeftError,
  type PeftMethod,
  bytesSource,
  openSafetensors,
} from '@tfjs-peft/peft-core';
import { minilmFiles } from '@tfjs-peft/minilm';
import { prefix } from '@tfjs-peft/prefix';
import { subspace } from '@tfjs-peft/subspace';
import { labelledTask, parseTrainConfig, train } from '@tfjs-peft/train';
import { loadHost, type Tokenizer } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';

const asJson = process.argv.at(-1) === '--json';
const [backend, folder] = process.argv.slice(2).filter((word) => word !== '--json') as [
  BackendName | undefined,
  string | undefined,
];
if (!backend) throw new Error('usage: compare-backend.ts tensorflow-gpu | webgpu FOLDER (see check-webgpu.ts)');
const tolerance = { hiddenStates: 1e-4, losses: 1e-5 };

/** The backend package looks both names up as it would in a user's project; here they live outside the repository. */
const resolveIn = (place: string) => `
const parent = ${JSON.stringify(pathToFileURL(join(place, 'index.js')).href)};
export const resolve = (name, context, next) =>
  next(name, ['webgpu', '@tensorflow/tfjs-backend-webgpu'].includes(name) ? { ...context, parentURL: parent } : context);`;
if (folder) register(`data:text/javascript,${encodeURIComponent(resolveIn(folder))}`);

type Numbers = ArrayLike<number>;
const heads = () => head({ labels: ['ham', 'spam'] });
const methods: Record<string, PeftMethod> = {
  'prefix and head': compose(prefix({ reparametrisation: 'none' }), heads()),
  'simplex of MLP prefixes from activations': subspace(
    compose(prefix({ prefixLength: 4, mlpHiddenSize: 64, initialisation: 'activation', activationSteps: 3 }), heads()),
  ),
};
const texts = ['Claim your free prize now', 'Minutes of the meeting', 'Cheap watches for you', 'Patch for the build'];

async function trainThreeSteps(method: PeftMethod, host: Host, tokenizer: Tokenizer): Promise<number[]> {
  const { history } = await train({
    host,
    method,
    ...labelledTask({
      train: texts.map((text, i) => ({ text: tokenizer.encode(text, { maxTokens: 16 }), label: i % 2 })),
    }),
    config: parseTrainConfig({ steps: 3, batchSize: 4, learningRate: 1e-3, warmupRatio: 0, patience: null }),
    seed: 1,
  });
  return history.map(({ loss }) => loss);
}

/** Last hidden states of the golden inputs and losses of three steps on the current backend, by name. */
async function computeAll(golden: Golden): Promise<Map<string, Numbers>> {
  const { directory, name, readout } = minilmFiles();
  const { host, tokenizer } = await loadHost(directory, { name, readout });
  const results = new Map<string, Numbers>();
  try {
    for (const { name: text, inputs } of golden) {
      const tensors = tf.tidy(() => ({
        inputIds: tf.tensor2d(inputs.input_ids.data, inputs.input_ids.shape, 'int32'),
        attentionMask: tf.tensor2d(inputs.attention_mask.data, inputs.attention_mask.shape, 'int32'),
        tokenTypeIds: tf.tensor2d(inputs.token_type_ids.data, inputs.token_type_ids.shape, 'int32'),
      }));
      const context = evaluationContext(host.spec, tensors.inputIds.shape[0]);
      const { lastHiddenState } = host.forward(tensors, [], context);
      results.set(`hidden states, ${text}`, await lastHiddenState.data());
      tf.dispose([lastHiddenState, ...Object.values(tensors)]);
    }
    for (const [text, method] of Object.entries(methods)) {
      results.set(`losses, ${text}`, await trainThreeSteps(method, host, tokenizer));
      console.error(`${tf.getBackend()}: trained ${text}`);
    }
  } finally {
    host.dispose();
  }
  return results;
}

interface Integers {
  readonly shape: [number, number];
  readonly data: Int32Array;
}
type Golden = readonly {
  readonly name: string;
  readonly inputs: Readonly<Record<'input_ids' | 'attention_mask' | 'token_type_ids', Integers>>;
  readonly expected: Float32Array;
}[];

async function readGolden(): Promise<Golden> {
  const path = new URL('../../packages/transformer/goldens/minilm.safetensors', import.meta.url);
  const file = await openSafetensors(bytesSource('minilm.safetensors', new Uint8Array(readFileSync(path))));
  const integers = async (name: string): Promise<Integers> => ({
    shape: [...file.tensors.get(name)!.shape] as [number, number],
    data: Int32Array.from(await file.readInt64(name), Number),
  });
  return Promise.all(
    ['single', 'pairs'].map(async (name) => ({
      name,
      inputs: {
        input_ids: await integers(`${name}.input_ids`),
        attention_mask: await integers(`${name}.attention_mask`),
        token_type_ids: await integers(`${name}.token_type_ids`),
      },
      expected: await file.readFloat32(`${name}.last_hidden_state`),
    })),
  );
}

const largestDifference = (a: Numbers, b: Numbers) =>
  a.length === b.length
    ? Array.from(a).reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i]!)), 0)
    : Infinity;

async function describeAdapter(): Promise<string> {
  const scope = globalThis as { navigator?: { gpu?: { requestAdapter(): Promise<{ info: Record<string, string> }> } } };
  const { info } = (await scope.navigator!.gpu!.requestAdapter())!;
  return info['description'] || info['vendor'] || 'an adapter without a name';
}

try {
  const golden = await readGolden();
  const { engine, package: packageName } = await selectBackend({ backend });
  console.error(`${packageName}: ${backend === 'webgpu' ? await describeAdapter() : engine}`);
  const results = await computeAll(golden);
  await selectBackend({ backend: 'wasm' });
  const reference = await computeAll(golden);
  const rows = [...results].map(([what, values]) => {
    const expected = golden.find(({ name }) => what === `hidden states, ${name}`)?.expected;
    const difference = largestDifference(values, expected ?? reference.get(what)!);
    const allowed = expected ? tolerance.hiddenStates : tolerance.losses;
    return { what, against: expected ? 'HF transformers' : 'wasm', difference, allowed, ok: difference <= allowed };
  });
  for (const [what, values] of results)
    if (what.startsWith('losses'))
      console.log(
        `${what}: ${[values, reference.get(what)!].map((v) => Array.from(v, (x) => x.toFixed(6)).join(' ')).join(' | ')}`,
      );
  const width = Math.max(...rows.map(({ what }) => what.length));
  console.log(`\n${backend.padEnd(width)}  against          largest difference  allowed`);
  for (const { what, against, difference, allowed, ok } of rows)
    console.log(
      `${what.padEnd(width)}  ${against.padEnd(15)}  ${difference.toExponential(1).padStart(18)}  ${allowed.toExponential(0)}  ${ok ? 'ok' : 'TOO LARGE'}`,
    );
  if (asJson) console.log(JSON.stringify(rows));
  // Dawn keeps the process alive.
  process.exit(rows.every(({ ok }) => ok) ? 0 : 1);
} catch (error) {
  if (!isPeftError(error) || error.code !== 'BACKEND_UNUSABLE') throw error;
  const renderer = 'Without a GPU: `apt-get install chromium` brings a software renderer, which this check uses.';
  console.error(`${error.message}${backend === 'webgpu' ? `\n${renderer}` : ''}`);
  process.exit(2);
}
