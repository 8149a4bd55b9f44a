// Runs a folder in one line of transformers.js, as its users do: `node run-pipeline.mjs 4 <folder>` with a JSON list of texts on standard input.
// Prints logits and labels. A process of its own: each line brings an ONNX Runtime of its own.
import { readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';

const [line, folder] = process.argv.slice(2);
const texts = JSON.parse(readFileSync(0, 'utf8'));
const older = line === '2';
const { env, pipeline } = await import(older ? '@xenova/transformers' : '@huggingface/transformers');
env.allowRemoteModels = false;
if (older) env.localModelPath = dirname(folder);
const classify = await pipeline(
  'text-classification',
  older ? basename(folder) : folder,
  older ? { quantized: false } : { dtype: 'fp32' },
);
const { logits } = await classify.model(classify.tokenizer(texts, { padding: true, truncation: true }));
const found = await classify(texts);
process.stdout.write(JSON.stringify({ logits: [...logits.data], labels: found.map(({ label }) => label) }));
