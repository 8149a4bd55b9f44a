// Trains a small GPT-2 from nothing with this library: node --conditions=@tfjs-peft/source --import tsx tools/pretrain/pretrain.ts --help
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BackendChoice, selectBackend } from '@tfjs-peft/backend';
import { createFolderStore, writeFileAtomically } from '@tfjs-peft/eval/run-folder';
import { fullFineTuning } from '@tfjs-peft/full';
import { createStream, isPeftError, mergeAdapter, toParameters } from '@tfjs-peft/peft-core';
import { randomPermutation } from '@tfjs-peft/peft-core/authoring';
import type { Json } from '@tfjs-peft/peft-core/files';
import {
  type LanguageExample,
  languageTexts,
  nextToken,
  packDocuments,
  parseTrainConfig,
  perplexityOf,
  train,
  type TrainEvent,
  wholeText,
} from '@tfjs-peft/train';
import {
  createTokenizer,
  type DecoderHost,
  loadHost,
  readCompanionFiles,
  requireDecoder,
  saveHost,
  type Tokenizer,
} from '@tfjs-peft/transformer';
import { formatTimeLeft } from '../../packages/cli/src/progress/format-time-left.js';
import { parseOptions } from '../options/parse-options.js';
import { type DecoderSizes, gpt2Config, initialDecoder } from './initial-decoder.js';
import { readPassages } from './read-passages.js';

const { values: flags } = parseOptions({
  options: {
    help: { type: 'boolean', default: false },
    passages: { type: 'string', default: '/tmp/passages' },
    tokenizer: { type: 'string', default: '/tmp/minigpt-tokenizer' },
    output: { type: 'string', default: '/tmp/minigpt' },
    from: { type: 'string' },
    width: { type: 'string', default: '256' },
    layers: { type: 'string', default: '4' },
    heads: { type: 'string', default: '4' },
    context: { type: 'string', default: '256' },
    steps: { type: 'string', default: '5000' },
    batch: { type: 'string', default: '8' },
    rate: { type: 'string', default: '2e-3' },
    judged: { type: 'string', default: '64' },
    seed: { type: 'string', default: '0' },
    backend: { type: 'string', default: 'auto' },
  },
});
if (flags.help) {
  console.log(`Trains a GPT-2 from random weights on passages: full fine-tuning, AdamW, loss of the next token, rate linear to zero.
The same command goes on after an interruption (Ctrl-C saves). The model folder is OUTPUT/model, losses are OUTPUT/losses.jsonl.

  --passages FOLDER   train.jsonl and test.jsonl with {"text"} lines (make-passages.ts)
  --tokenizer FOLDER  tokenizer.json and tokenizer_config.json (make_tokenizer.py)
  --output FOLDER     checkpoints, losses and the model
  --from FOLDER       goes on from a model that this tool wrote, with a rate that rises and falls anew
  --width N --layers N --heads N --context N    sizes (256, 4, 4, 256)
  --steps N --batch N --rate X                  updates, rows of a whole context each, peak rate (5000, 8, 2e-3)
  --judged N          held-out passages that are watched (64)
  --seed N --backend NAME`);
  process.exit(0);
}

const [steps, batchSize, seed] = [Number(flags.steps), Number(flags.batch), Number(flags.seed)];
const say = (line: string) => process.stderr.write(`${line}\n`);
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
process.once('SIGTERM', () => stop.abort());
/** Between lines of progress. */
const lineEveryMilliseconds = 10_000;

await pretrain().catch((error: unknown) => {
  if (!isPeftError(error)) throw error;
  say(`error: ${error.message}`);
  process.exitCode = 1;
});

async function pretrain(): Promise<void> {
  await selectBackend({ backend: flags.backend as BackendChoice });
  const readJson = (name: string) => JSON.parse(readFileSync(join(flags.tokenizer, name), 'utf8')) as Json;
  const tokenizer = await createTokenizer({
    tokenizerJson: readJson('tokenizer.json'),
    tokenizerConfig: readJson('tokenizer_config.json'),
  });
  const host = await startOf(tokenizer);
  const context = host.spec.maxPositionEmbeddings;
  const passages = await readPassages(join(flags.passages, 'train.jsonl'));
  const rows = packRows(passages, tokenizer, context);
  const judged = await readPassages(join(flags.passages, 'test.jsonl'), Number(flags.judged));
  const tokens = rows.reduce((sum, { text }) => sum + text.inputIds.length, 0);
  say(`${rows.length} rows, ${tokens} tokens, ${judged.length} held-out passages`);
  mkdirSync(flags.output, { recursive: true });
  const method = fullFineTuning();
  const { effective } = await train({
    host,
    method,
    source: languageTexts(rows),
    objective: nextToken(),
    evaluator: perplexityOf(
      packDocuments(
        judged.map((text) => documentOf(text, tokenizer)),
        context,
      ),
    ),
    config: parseTrainConfig({
      steps,
      batchSize,
      learningRate: Number(flags.rate),
      betas: [0.9, 0.95],
      warmupRatio: 0.03,
      schedule: 'linear',
      evaluationBatchSize: 8,
      evaluateEvery: { epochs: 0, minSteps: 250 },
      patience: null,
      checkpointEvery: 100,
    }),
    seed,
    store: createFolderStore(flags.output),
    signal: stop.signal,
    onEvent: tellProgress(),
  });
  const adapter = { method, effective: toParameters(effective), hostFingerprint: host.spec.fingerprint };
  const merged = await mergeAdapter(host, adapter);
  const files = await saveHost(merged.host, { config: gpt2Config(sizesOf(host), tokenizer.padTokenId), dtype: 'F16' });
  const folder = join(flags.output, 'model');
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of [...files, ...(await readCompanionFiles(flags.tokenizer, { maxTokens: context }))])
    await writeFileAtomically(join(folder, name), bytes);
  say(`The model is in ${folder}.`);
}

/** What training begins with. */
async function startOf({ padTokenId: end, vocabSize: vocabulary }: Tokenizer): Promise<DecoderHost> {
  if (flags.from !== undefined) return requireDecoder((await loadHost(flags.from)).host);
  const [width, layers, heads, context] = [flags.width, flags.layers, flags.heads, flags.context].map(Number);
  return initialDecoder({ vocabulary, width: width!, layers: layers!, heads: heads!, context: context! }, end, seed);
}

function sizesOf({ config }: DecoderHost): DecoderSizes {
  return {
    vocabulary: config.vocabSize,
    width: config.hiddenSize,
    layers: config.numHiddenLayers,
    heads: config.numAttentionHeads,
    context: config.maxPositionEmbeddings,
  };
}

function tellProgress(): (event: TrainEvent) => void {
  let told = -Infinity;
  return (event) => {
    if (event.type === 'start') {
      const { counts, resumedFrom } = event;
      say(`${counts.trainable} numbers${resumedFrom === null ? '' : `, going on after update ${resumedFrom}`}`);
    }
    if (event.type === 'evaluation') {
      const { step, loss, metrics } = event;
      appendFileSync(join(flags.output, 'losses.jsonl'), `${JSON.stringify({ step, loss, ...metrics })}\n`);
      say(`update ${step}: held-out perplexity ${Math.exp(loss).toFixed(1)} by token`);
    }
    if (event.type !== 'step' || performance.now() - told < lineEveryMilliseconds) return;
    told = performance.now();
    const { step, loss, milliseconds, etaSeconds } = event;
    say(`${step} of ${steps}: loss ${loss.toFixed(3)}, ${milliseconds.toFixed(0)} ms, ${formatTimeLeft(etaSeconds)}`);
  };
}

/** A passage between two tokens that end texts. */
function documentOf(text: string, { encode, padTokenId: end }: Tokenizer): LanguageExample {
  const { inputIds } = encode(text, { maxTokens: Infinity });
  return wholeText({ inputIds: [end, ...inputIds, end] }, Buffer.byteLength(text));
}

/** As many rows as the run takes, from passages in an order drawn by the seed; about one passage a row. */
function packRows(passages: readonly string[], tokenizer: Tokenizer, context: number): LanguageExample[] {
  const documents: LanguageExample[] = [];
  for (const index of randomPermutation(createStream(seed), passages.length)) {
    documents.push(documentOf(passages[index]!, tokenizer));
    if (documents.length % 1000 > 0) continue;
    say(`${documents.length} passages read`);
    if (packDocuments(documents, context).length >= steps * batchSize) break;
  }
  return packDocuments(documents, context).slice(0, steps * batchSize);
}
