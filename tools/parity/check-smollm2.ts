// Compares SmolLM2-135M here with HF transformers, and says what a token costs. The folder is what make_smollm2.py --goldens makes.
// Usage: node --conditions=@tfjs-peft/source --import tsx tools/parity/check-smollm2.ts [FOLDER] [BACKEND]
// Exit code: 0 within tolerance, 1 not.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BackendName, selectBackend } from '@tfjs-peft/backend';
import { bytesSource, compose, evaluationContext, openSafetensors } from '@tfjs-peft/peft-core';
import { scoreTexts, wholeText } from '@tfjs-peft/train';
import { generate, loadHost, requireDecoder } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { smolLM2Folder } from './find-smollm2.js';

const [folder = smolLM2Folder(), backend = 'tensorflow'] = process.argv.slice(2) as [string?, BackendName?];
/** Of the logits, relative to the largest one. */
const tolerance = 1e-3;

const say = (line: string) => process.stdout.write(`${line}\n`);
const seconds = async <T>(what: string, run: () => Promise<T>): Promise<T> => {
  const start = performance.now();
  const result = await run();
  say(`${what}: ${((performance.now() - start) / 1000).toFixed(2)} s`);
  return result;
};

await selectBackend({ backend });
say(`${folder} on ${tf.getBackend()}`);
const golden = await openSafetensors(
  bytesSource('golden', new Uint8Array(readFileSync(join(folder, 'golden.safetensors')))),
);
const idsOf = async (name: string) => Array.from(await golden.readInt64(name), Number);
const loaded = await seconds('load', () => loadHost(folder));
const { tokenizer } = loaded;
const host = requireDecoder(loaded.host);
const nothing = { method: compose(), effective: new Map() };
const text = await idsOf('text');
const expected = await golden.readFloat32('logits');

const difference = await seconds(`a pass over ${text.length} tokens`, async () => {
  const found = tf.tidy(() => {
    const inputs = {
      inputIds: tf.tensor2d([text], [1, text.length], 'int32'),
      attentionMask: tf.ones([1, text.length], 'int32') as tf.Tensor2D,
    };
    const { lastHiddenState, outputEmbeddings } = host.forward(inputs, [], evaluationContext(host.spec, 1));
    return tf.matMul(lastHiddenState.squeeze<tf.Tensor2D>([0]), outputEmbeddings!.table, false, true);
  });
  const logits = await found.data();
  found.dispose();
  let [worst, largest] = [0, 0];
  logits.forEach((value, at) => {
    worst = Math.max(worst, Math.abs(value - expected[at]!));
    largest = Math.max(largest, Math.abs(expected[at]!));
  });
  return { worst, largest };
});
const relative = difference.worst / difference.largest;
say(
  `logits up to ${difference.largest.toFixed(1)} differ by at most ${difference.worst.toExponential(1)}: ${relative.toExponential(1)} relative`,
);

const [prompt, greedy] = [await idsOf('prompt'), await idsOf('greedy')];
const asked = { host, ...nothing, prompts: [prompt], settings: { maxNewTokens: greedy.length } };
const [found] = await seconds(`${greedy.length} tokens, greedy`, () => generate(asked));
const same = found!.ids.filter((id, place) => id === greedy[place]).length;
say(`${same} of ${greedy.length} greedy tokens are HF's`);
say(tokenizer.decode([...prompt, ...found!.ids]));
const again = tokenizer.encode(tokenizer.decode(prompt), { maxTokens: Infinity }).inputIds;
say(
  `tokenizer: ${again.join() === prompt.join() ? 'the same ids' : `other ids, ${again.join()} for ${prompt.join()}`} for the prompt`,
);

const times: number[] = [];
const long = { ...asked, settings: { maxNewTokens: 256 }, endTokenIds: [] };
let last = performance.now();
await generate({
  ...long,
  onToken() {
    times.push(performance.now() - last);
    last = performance.now();
  },
});
const mean = (part: readonly number[]) => part.reduce((sum, time) => sum + time, 0) / part.length;
say(
  `a token: ${mean(times.slice(2, 34)).toFixed(0)} ms at length 32, ${mean(times.slice(-32)).toFixed(0)} ms at length 256`,
);
const { perplexity, tokens } = await scoreTexts({ host, ...nothing, examples: [wholeText({ inputIds: text })] });
say(`perplexity of ${tokens} tokens of a clinical text: ${perplexity.toFixed(2)}`);
loaded.host.dispose();
process.exitCode = relative < tolerance && same === greedy.length ? 0 : 1;
